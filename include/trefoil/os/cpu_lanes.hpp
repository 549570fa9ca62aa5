// SPDX-License-Identifier: Apache-2.0
/// @file
/// Lanes for counts per CPU (cpu_cells.hpp).
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/os/per_thread.hpp"

namespace trefoil::detail {

/// Lanes of per-CPU counts: one for each CPU. Threads take them in turn where there are no sections. A CPU
/// that comes later, or has a number beyond them, adds to what misses the cells, in one place.
class TREFOIL_ONE_PER_PROCESS cpu_lanes {
 public:
  // relaxed, all: numbers that order nothing, and the first answer is the only one.

  /// Level: `process` the first time.
  static std::uint32_t number() noexcept {
    if (number_.load(std::memory_order_relaxed) == 0) [[unlikely]]
      ask();
    return number_.load(std::memory_order_relaxed);
  }
  /// 0 before anybody has asked for the number.
  static const std::atomic<std::uint32_t>& known() noexcept { return number_; }

  /// Precondition: the number is known. A handler that interrupts a thread's first call takes one more.
  static std::uint32_t mine() noexcept {
    std::uint32_t& lane = per_thread<lane_plus_one>.value;
    if (lane == 0) [[unlikely]]
      lane = 1 + next_.fetch_add(1, std::memory_order_relaxed) % number();
    return lane - 1;
  }

 private:
  struct TREFOIL_ONE_PER_PROCESS lane_plus_one {
    std::uint32_t value = 0;
  };

  /// CPUs may be added meanwhile: the first answer is everybody's.
  TREFOIL_COLD static void ask() noexcept {
    const long configured = sysconf(_SC_NPROCESSORS_CONF);
    std::uint32_t not_known = 0;
    number_.compare_exchange_strong(not_known,
                                    configured < 1 ? 1 : static_cast<std::uint32_t>(configured),
                                    std::memory_order_relaxed, std::memory_order_relaxed);
  }

  static inline constinit std::atomic<std::uint32_t> number_{0};
  static inline constinit std::atomic<std::uint32_t> next_{0};
};

}  // namespace trefoil::detail
