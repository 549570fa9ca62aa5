// SPDX-License-Identifier: Apache-2.0
/// @file
/// bench_core: the operations, measured in one of three ways.
///
///     bench_core [--benchmark_...]           Google Benchmark, one operation after the other
///     bench_core --pairs=N A,B [C,D ...]     A and B in turn, N times; a line for each time
///     bench_core --instructions A [B ...]    each once with few and once with many operations, for
///                                            a simulator that counts what happens in measured()
///     bench_core --list, --compiler
///
/// `bench/run core` calls it and makes sense of its lines.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "operation.hpp"

/// The place where instructions are counted: a name of its own, and never a jump to what it calls.
extern "C" [[gnu::noinline]] void bench_measured(void (*run)(std::size_t), std::size_t count) {
  run(count);
  asm volatile("" : : : "memory");
}

namespace bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// A second thread, there from the beginning to the end: without one, libstdc++'s shared_ptr counts
/// without atomic operations, which no program that shares anything ever sees.
class second_thread {
 public:
  second_thread() : thread_([this] { wait(); }) {}
  second_thread(const second_thread&) = delete;
  second_thread& operator=(const second_thread&) = delete;
  ~second_thread() {
    {
      const std::lock_guard guard(mutex_);
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

/// Runs that did not show what they were meant to show, before one gives up.
constexpr int too_many_refused = 10'000;

/// Time for all operations of one batch; empty if the run was not valid.
std::optional<nanoseconds> time_batch(const operation& op, std::size_t count) {
  op.prepare(count);
  const clock::time_point begin = clock::now();
  bench_measured(op.run, count);
  nanoseconds took = clock::now() - begin;
  if (op.took != nullptr) took = op.took();
  const bool valid = op.valid == nullptr || op.valid();
  op.finish();
  if (!valid) return std::nullopt;
  return took;
}

/// Time per operation in a slice of some milliseconds: the median of its batches, so that a batch in
/// which something else had the CPU does not count. The slices of two operations that are compared
/// take turns, so that what disturbs this machine for longer than a slice disturbs both.
nanoseconds slice(const operation& op) {
  constexpr nanoseconds enough = 2ms;
  constexpr auto too_long = 8ms;  // with what preparing them takes
  std::vector<nanoseconds> batches;
  nanoseconds sum{0};
  int refused = 0;
  const clock::time_point begin = clock::now();
  while (batches.empty() || (sum < enough && clock::now() - begin < too_long)) {
    if (const auto took = time_batch(op, op.batch)) {
      sum += *took;
      batches.push_back(*took);
    } else if (++refused == too_many_refused) {
      std::fprintf(stderr, "bench_core: %.*s: not one valid run\n",
                   static_cast<int>(op.name.size()), op.name.data());
      std::exit(1);
    }
  }
  const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
  std::nth_element(batches.begin(), middle, batches.end());
  return *middle / static_cast<double>(op.batch);
}

const operation& find(std::span<const operation> all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const operation& op) { return op.name == name; });
  if (found == all.end()) {
    std::fprintf(stderr, "bench_core: no operation '%.*s'; see --list\n",
                 static_cast<int>(name.size()), name.data());
    std::exit(2);
  }
  return *found;
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

int main(int argc, char** argv) {
  const second_thread keeps_shared_ptr_atomic;
  std::vector<operation> all;
  add_references(all);
  add_lives(all);
  add_last_drops(all);

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
    if (pairs < 1) {
      std::fprintf(stderr, "bench_core: --pairs=N, N at least 1\n");
      return 2;
    }
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

}  // namespace

}  // namespace bench

int main(int argc, char** argv) { return bench::main(argc, argv); }
