// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes are: events that keep the rules, or one line of complaint.
#include "lab/tsv/parser.hpp"
#include "lab/error.hpp"
#include "lab/recording/census.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trefoil::lab;
  names all;
  census lives;
  std::int64_t last_ns = 0;
  try {
    tsv_parser parser("fuzz", {reinterpret_cast<const char*>(data), size}, all);
    for (event e; parser.next(e);) {
      if (e.time_ns < last_ns || e.comm.value() >= all.comms.size()) std::abort();
      last_ns = e.time_ns;
      if (!lives.observe(e)) parser.fail(lives.problem());
    }
    lives.end_segment();
  } catch (const error& e) {
    if (std::string_view(e.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
