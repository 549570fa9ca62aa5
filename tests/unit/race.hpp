// SPDX-License-Identifier: Apache-2.0
/// @file
/// Lets two threads meet in the same few instructions, many times.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>

/// Where a fixed number of threads wait for each other. They spin (a sleeper would be late for the
/// race) and yield (the other side may need this very CPU).
class meeting_point {
 public:
  explicit meeting_point(unsigned expected) : expected_(expected) {}

  void arrive_and_wait() {
    const unsigned round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == expected_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (unsigned spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
      if (spins > 200) std::this_thread::yield();
    }
  }

 private:
  const unsigned expected_;
  std::atomic<unsigned> arrived_{0};
  std::atomic<unsigned> round_{0};
};

/// Per round: `prepare` on the calling thread, `left` and `right` at once on two others, `check` on
/// the calling thread.
struct race {
  std::function<void()> prepare;
  std::function<void()> left;
  std::function<void()> right;
  std::function<void()> check;

  void run(std::size_t rounds) const {
    meeting_point start(3);
    meeting_point end(3);
    const auto side = [&](const std::function<void()>& act) {
      for (std::size_t i = 0; i < rounds; ++i) {
        start.arrive_and_wait();
        act();
        end.arrive_and_wait();
      }
    };
    std::thread first([&] { side(left); });
    std::thread second([&] { side(right); });
    for (std::size_t i = 0; i < rounds; ++i) {
      prepare();
      start.arrive_and_wait();
      end.arrive_and_wait();
      check();
    }
    first.join();
    second.join();
  }
};
