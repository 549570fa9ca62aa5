// SPDX-License-Identifier: Apache-2.0
#include "lab/record/program_figures.hpp"

#include <charconv>
#include <utility>

namespace trefoil::lab {

namespace {

// The keys are those of lines that are not the first.
std::int64_t number_behind(std::string_view key, std::string_view text) {
  const std::size_t at = text.find(key);
  std::int64_t number = 0;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  }
  return number;
}

}  // namespace

program_figures figures_in(std::string_view fdinfo, std::string tracepoint) {
  return {.tracepoint = std::move(tracepoint),
          .recursion_misses = number_behind("\nrecursion_misses:\t", fdinfo),
          .runs = number_behind("\nrun_cnt:\t", fdinfo),
          .run_ns = number_behind("\nrun_time_ns:\t", fdinfo)};
}

}  // namespace trefoil::lab
