// SPDX-License-Identifier: Apache-2.0
// What the kernel counts for each program that it runs.
#ifndef TREFOIL_LAB_RECORD_PROGRAM_FIGURES_HPP
#define TREFOIL_LAB_RECORD_PROGRAM_FIGURES_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace trefoil::lab {

struct program_figures {
  std::string tracepoint;
  std::int64_t recursion_misses = 0;  // runs that it skipped: it was in this program already
  std::int64_t runs = 0;              // these two where kernel.bpf_stats_enabled is set, else 0
  std::int64_t run_ns = 0;
};

// From the text of its file in /proc/PID/fdinfo. What is not there is 0.
program_figures figures_in(std::string_view fdinfo, std::string tracepoint);

}  // namespace trefoil::lab

#endif
