// SPDX-License-Identifier: Apache-2.0
/// @file
/// CPUs that take turns on one thread: each runs the same code on a stack of its own and stops where
/// another may go on.
#pragma once

#include <cstdint>
#include <functional>

#include "lines.hpp"

namespace bench::cache_lines {

/// Whose turn is next.
enum class turns : std::uint8_t { round_robin, at_random };

/// Where a CPU may be stopped. Between calls: a CPU keeps a line until its call is done, as it mostly
/// does. Between accesses: it loses the line whenever it could.
enum class stops : std::uint8_t { between_calls, between_accesses };

struct interleaving {
  turns order = turns::round_robin;
  stops where = stops::between_calls;
  std::uint64_t seed = 1;
};

class cpus {
 public:
  cpus(unsigned count, interleaving how) : count_(count), how_(how), chance_(how.seed) {}

  /// Each CPU runs the body, to its end.
  void run(const std::function<void(unsigned cpu)>& body);

  [[nodiscard]] lines& memory() noexcept { return memory_; }

  /// For what runs in run(): the CPU it runs on, an access, and the end of a call. Outside of run()
  /// it is CPU 0, and nothing is counted.
  static unsigned present() noexcept;
  static void touch(const void* at, access kind) noexcept;
  static void call_ends() noexcept;

 private:
  /// A generator that is the same everywhere, with equal chances that are near enough.
  std::uint64_t random_below(std::uint64_t limit) noexcept;

  unsigned count_;
  interleaving how_;
  std::uint64_t chance_;
  lines memory_;
};

}  // namespace bench::cache_lines
