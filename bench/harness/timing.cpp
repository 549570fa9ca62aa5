// SPDX-License-Identifier: Apache-2.0
#include "timing.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

extern "C" [[gnu::noinline]] void bench_measured(void (*run)(std::size_t), std::size_t count) {
  run(count);
  asm volatile("" : : : "memory");
}

namespace bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

}  // namespace

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

std::optional<nanoseconds> time_slice(const operation& op) {
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
      return std::nullopt;
    }
  }
  const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
  std::nth_element(batches.begin(), middle, batches.end());
  return *middle / static_cast<double>(op.batch);
}

}  // namespace bench
