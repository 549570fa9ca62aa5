// SPDX-License-Identifier: Apache-2.0
// The same with std::make_shared, as far as it can do the same: what malloc makes of it.
#include <cstddef>
#include <string>
#include <vector>

#include "shapes.hpp"
#include "table.hpp"

namespace memory {

namespace {

template <std::size_t Bytes>
void add_sizes(std::vector<shape>& to, const std::string& kind) {
  using objects = shared<Bytes>;
  for (const unsigned threads : {1U, 2U, 4U, 12U, 16U, 32U}) {
    to.push_back({"in_turn/" + kind + "x" + std::to_string(threads), kind == "64" && threads == 16,
                  kind == "64" && threads == 16 ? 60 : 0.5,
                  [threads](meter& m) { in_turn<objects>(m, threads); }});
  }
  for (const unsigned pairs : {1U, 6U}) {
    to.push_back({"producer_consumer/" + kind + "x" + std::to_string(2 * pairs), false, 0.5,
                  [pairs](meter& m) { producer_consumer<objects, dropped::here>(m, pairs); }});
  }
  to.push_back({"burst_by_its_maker/" + kind, false, 0.5,
                [](meter& m) { burst<objects, burst_ends::by_its_maker>(m, 64 * mib); }});
  to.push_back({"burst_by_another/" + kind, false, 0.5,
                [](meter& m) { burst<objects, burst_ends::by_another>(m, 64 * mib); }});
  to.push_back(
      {"survivors/" + kind, false, 0.5, [](meter& m) { survivors<objects>(m, 64 * mib); }});
  to.push_back({"bursts_by_turns/" + kind, false, 0.5,
                [](meter& m) { bursts_by_turns<objects>(m, 16, 16 * mib); }});
}

}  // namespace

std::vector<shape> shapes_of_make_shared() {
  std::vector<shape> all;
  add_sizes<40>(all, "40");
  add_sizes<64>(all, "64");
  add_sizes<704>(all, "700");
  add_sizes<9000>(all, "9000");
  add_sizes<40 * kib>(all, "40K");
  add_sizes<200 * kib>(all, "200K");
  all.push_back({"round_robinx12", true, 20,
                 [](meter& m) { round_robin<shared<40>, shared<704>, shared<9000>>(m, 12); }});
  all.push_back({"bursts_of_sizes", false, 0.5, [](meter& m) {
                   bursts_of_sizes<shared<40>, shared<64>, shared<128>, shared<704>, shared<2000>,
                                   shared<9000>, shared<40 * kib>, shared<200 * kib>>(m, 64 * mib);
                 }});
  all.push_back(
      {"idle_threads/1Mx32", false, 0.5, [](meter& m) { idle_threads<shared<mib>>(m, 32); }});
  return all;
}

}  // namespace memory
