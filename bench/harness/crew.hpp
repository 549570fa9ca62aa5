// SPDX-License-Identifier: Apache-2.0
/// @file
/// Threads that do the same thing at the same time.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "operation.hpp"
#include "pin.hpp"

namespace bench {

/// Opens when all have arrived. Who waits yields: there may be fewer CPUs than threads.
class gate {
 public:
  explicit gate(unsigned threads) : missing_(threads) {}
  void pass() {
    missing_.fetch_sub(1, std::memory_order_acq_rel);
    while (missing_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }

 private:
  std::atomic<unsigned> missing_;
};

/// From the first thread's begin to the last one's end: starting them is not measured.
class stretch {
 public:
  using clock = std::chrono::steady_clock;
  struct times {
    clock::time_point begin;
    clock::time_point end;
  };
  explicit stretch(const std::vector<times>& all) {
    const auto first = std::min_element(
        all.begin(), all.end(), [](const times& a, const times& b) { return a.begin < b.begin; });
    const auto last = std::max_element(
        all.begin(), all.end(), [](const times& a, const times& b) { return a.end < b.end; });
    took_ = last->end - first->begin;
  }
  [[nodiscard]] nanoseconds took() const { return took_; }

 private:
  nanoseconds took_{};
};

/// Runs body(number, n) on so many threads; body makes what it needs and returns what is to be
/// measured, as a callable. The figure is the time on the wall in which each does n operations: if
/// threads do not disturb each other and have a CPU each, it is that of one thread.
template <class Body>
nanoseconds time_of_crew(unsigned threads, Body body) {
  std::vector<stretch::times> times(threads);
  gate all_there(threads);
  std::vector<std::thread> crew;
  crew.reserve(threads);
  for (unsigned number = 0; number < threads; ++number) {
    crew.emplace_back([&, number] {
      pin_to(number);
      auto work = body(number);
      all_there.pass();
      const stretch::clock::time_point begin = stretch::clock::now();
      work();
      times[number] = {begin, stretch::clock::now()};
    });
  }
  for (std::thread& one : crew) one.join();
  return stretch(times).took();
}

}  // namespace bench
