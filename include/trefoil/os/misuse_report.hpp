// SPDX-License-Identifier: Apache-2.0
/// @file
/// Where the misuses of a process are counted and reported.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unistd.h>

#include "trefoil/attributes.hpp"
#include "trefoil/misuse.hpp"

namespace trefoil {

/// One per process. Counts every misuse; says the first of each kind in one line on stderr, or
/// calls the handler that the program has set for every one.
class TREFOIL_ONE_PER_PROCESS misuse_report {
 public:
  /// Called with the kind and the address of what was misused (a count, a slot, a queue: for a
  /// debugger), wherever the misuse happens, a signal handler included.
  using handler = void (*)(misuse, const void*) noexcept;

  /// Replaces the handler; null for the default one. Returns the one before. Context: any.
  static handler set_handler(handler h) noexcept {
    return handler_.exchange(h, std::memory_order_acq_rel);
  }

  /// How often a kind was reported. Context: any.
  [[nodiscard]] static std::uint64_t count(misuse kind) noexcept {
    return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }

  /// For the platform. Context: any; async-signal-safe. Correct programs never come here, so the
  /// promise that a drop at `any` does not enter the kernel holds for them.
  TREFOIL_COLD static void raise(misuse kind, const void* what) noexcept {
    const std::uint64_t before =
        counts_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
    // acquire: pairs with set_handler(); what the handler uses was made before it was set
    if (const handler h = handler_.load(std::memory_order_acquire)) {
      h(kind, what);
    } else if (before == 0) {
      say(kind, what);
    }
  }

 private:
  static void say(misuse kind, const void* what) noexcept {
    char line[160];
    std::size_t length = 0;
    const auto append = [&](const char* text) {
      while (*text != '\0' && length < sizeof(line) - 24) line[length++] = *text++;
    };
    append("trefoil: ");
    append(describe(kind));
    append(" (at 0x");
    const auto address = reinterpret_cast<std::uintptr_t>(what);
    for (int shift = static_cast<int>(sizeof(address) * 8) - 4; shift >= 0; shift -= 4) {
      line[length++] = "0123456789abcdef"[(address >> shift) & 0xF];
    }
    line[length++] = ')';
    line[length++] = '\n';
    const int saved = errno;
    static_cast<void>(!write(STDERR_FILENO, line, length));  // nobody to tell if that fails
    errno = saved;
  }

  static inline constinit std::array<std::atomic<std::uint64_t>, misuse_kinds> counts_{};
  static inline constinit std::atomic<handler> handler_{nullptr};
};

}  // namespace trefoil
