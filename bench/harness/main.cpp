// SPDX-License-Identifier: Apache-2.0
/// @file
/// The operations of one program, measured in one of three ways.
///
///     bench_core [--benchmark_...]           Google Benchmark, one operation after the other
///     bench_core --pairs=N A,B [C,D ...]     A and B in turn, N times; a line for each time
///     bench_core --instructions A [B ...]    each once with few and once with many operations, for
///                                            a simulator that counts within bench_measured()
///     bench_core --list, --compiler
///
/// `bench/run` calls it and makes sense of its lines.
#include "main.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "operation.hpp"
#include "second_thread.hpp"
#include "timing.hpp"

namespace bench {

namespace {

/// Ends the program: what was asked for cannot be had.
[[noreturn]] void give_up(std::string_view what, int status) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(status);
}

const operation& find(std::span<const operation> all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const operation& op) { return op.name == name; });
  if (found == all.end()) give_up("no operation '" + std::string(name) + "'; see --list", 2);
  return *found;
}

nanoseconds slice(const operation& op) {
  const std::optional<nanoseconds> took = time_slice(op);
  if (!took) give_up(std::string(op.name) + ": not one valid run", 1);
  return *took;
}

/// Lines "A B NS_A NS_B". B comes first every other time: being second may be an advantage.
void measure_pairs(std::span<const operation> all, long pairs,
                   std::span<const std::string_view> names) {
  for (const std::string_view both : names) {
    const std::size_t comma = both.find(',');
    const operation& a = find(all, both.substr(0, comma));
    const operation& b = find(all, both.substr(comma + 1));
    slice(a);  // caches, pools and branch predictors as in the middle of a program
    slice(b);
    for (long i = 0; i < pairs; ++i) {
      const bool swapped = i % 2 != 0;
      const nanoseconds first = slice(swapped ? b : a);
      const nanoseconds second = slice(swapped ? a : b);
      const nanoseconds of_a = swapped ? second : first;
      const nanoseconds of_b = swapped ? first : second;
      std::printf("%.*s %.*s %.4f %.4f\n", static_cast<int>(a.name.size()), a.name.data(),
                  static_cast<int>(b.name.size()), b.name.data(), of_a.count(), of_b.count());
    }
    std::fflush(stdout);
  }
}

/// The difference between the two runs is the operations alone: what a batch begins and ends with is
/// in both. The first run of all warms up.
void run_for_counting(std::span<const operation> all, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const operation& op = find(all, name);
    for (const std::size_t count : {op.batch, op.batch / 4, op.batch}) {
      op.prepare(count);
      bench_measured(op.run, count);
      op.finish();
    }
    std::printf("%.*s %zu\n", static_cast<int>(name.size()), name.data(), op.batch - op.batch / 4);
  }
}

void register_all(std::span<const operation> all) {
  for (const operation& op : all) {
    benchmark::RegisterBenchmark(std::string(op.name).c_str(), [&op](benchmark::State& state) {
      while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(op.batch))) {
        std::optional<nanoseconds> took;
        for (int tries = 0; !took && tries < too_many_refused; ++tries)
          took = time_batch(op, op.batch);
        if (!took) return state.SkipWithError("not one valid run");
        state.SetIterationTime(std::chrono::duration<double>(*took).count());
      }
      state.SetLabel(std::string(op.what));
    })->UseManualTime();
  }
}

}  // namespace

int main(int argc, char** argv, std::span<add_operations* const> files) {
  const second_thread keeps_shared_ptr_atomic;
  std::vector<operation> all;
  for (add_operations* const add : files) add(all);

  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const std::string_view mode = arguments.empty() ? "" : arguments.front();
  const auto rest = std::span(arguments).subspan(arguments.empty() ? 0 : 1);
  if (mode == "--list") {
    for (const operation& op : all) {
      std::printf("%.*s\t%s\t%.*s\n", static_cast<int>(op.name.size()), op.name.data(),
                  op.countable ? "countable" : "uncountable", static_cast<int>(op.what.size()),
                  op.what.data());
    }
  } else if (mode == "--compiler") {
#if defined(__clang__)
    std::puts("clang " __clang_version__);
#else
    std::puts("g++ " __VERSION__);
#endif
  } else if (mode.starts_with("--pairs=")) {
    const long pairs = std::strtol(mode.substr(8).data(), nullptr, 10);
    if (pairs < 1) give_up("--pairs=N, N at least 1", 2);
    measure_pairs(all, pairs, rest);
  } else if (mode == "--instructions") {
    run_for_counting(all, rest);
  } else {
    register_all(all);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
  }
  return 0;
}

}  // namespace bench
