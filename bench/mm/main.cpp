// SPDX-License-Identifier: Apache-2.0
/// @file
/// bench_mm: address spaces, ours and Linux's.
///
///     bench_mm --smoke        each operation once, with less of everything, and with all its checks;
///                             and --bytes
///     bench_mm --bytes        what each tier gives back, as one JSON object
///     bench_mm ...            as any other program of benchmarks (harness/main.cpp); with Google
///                             Benchmark, --benchmark_min_time=0.001: to prepare a fork takes a
///                             thousand times as long as the fork
///
/// A check that fails ends the program with status 1, however it was called.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "harness/main.hpp"
#include "harness/timing.hpp"
#include "linux_memory.hpp"
#include "operations.hpp"

namespace bench {

void fail(const char* what) noexcept {
  std::fprintf(stderr, "bench_mm: %s\n", what);
  std::_Exit(1);
}

namespace {

constexpr add_operations* files[] = {add_forks, add_maps, add_faults, add_exits};

/// Twice: the second time nothing is as it was at the beginning; frames come back dirty.
int smoke() {
  sizes = {.touched = 1200, .faults = 700, .maps = 50};  // across tables, and not whole ones
  std::vector<operation> all;
  for (add_operations* const add : files) add(all);
  for (int turn = 0; turn < 2; ++turn) {
    for (const operation& op : all)
      must(time_batch(op, op.batch).has_value(), "a run is not valid");
  }
  std::printf("%zu operations, all checks passed\n", all.size());
  return report_bytes();
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  bench::have_vmas();
  if (argc == 2 && std::string_view(argv[1]) == "--smoke") return bench::smoke();
  if (argc == 2 && std::string_view(argv[1]) == "--bytes") return bench::report_bytes();
  return bench::main(argc, argv, bench::files);
}
