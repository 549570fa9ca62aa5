// SPDX-License-Identifier: Apache-2.0
/// @file
/// A storm: many processes on CPUs that are threads, with interrupts at random instants, under one
/// lifetime design; what came of it, and what is left, which must be nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "machine/design.hpp"
#include "machine/storm/workload.hpp"

namespace trefoil::machine {

struct storm_options {
  unsigned cpus = 4;  ///< on which processes run; the attacker has one more
  workload_size size;
  std::size_t memory_bytes = std::size_t{128} << 20;  ///< of the machine
  /// Called now and then; 0 to 1. False: no more processes.
  std::function<bool(double done)> go_on;
};

inline constexpr unsigned most_cpus = 256;

/// Beside the caller's: CPUs, the attacker's, who sends interrupts, who waits for grace periods.
constexpr unsigned storm_threads(unsigned cpus) noexcept { return cpus + 3; }

struct storm_figures : workload_figures {
  const design* lifetimes = nullptr;
  bool interrupted = false;  ///< go_on said so
  double seconds = 0;

  std::int64_t interrupts = 0;
  std::int64_t switches = 0;
  std::int64_t cpus_offlined = 0;

  /// Drops, by who let go; all but those of users and lazy CPUs are of struct-only holders. References
  /// that a holder takes for a moment count with its own; a kernel thread's, which works in somebody's
  /// address space, with those of lazy CPUs.
  std::array<std::int64_t, holder_kinds> drops{};
  std::array<std::int64_t, sampled_names.size()> deferred{};
  std::int64_t async_mmput = 0;

  std::int64_t lock_reports = 0;  ///< broken rules of locks
  std::vector<std::string> lock_faults;

  // What is left. All zero, or something has leaked.
  std::int64_t live_at_end = 0;  ///< tasks, and tiers of address spaces
  std::int64_t frames_at_end = 0;
  std::int64_t listed_at_end = 0;      ///< on pgd_list
  std::int64_t namespaces_at_end = 0;  ///< user namespaces but the first
  std::int64_t exec_states_at_end = 0;

  [[nodiscard]] bool nothing_left() const noexcept {
    return live_at_end == 0 && frames_at_end == 0 && listed_at_end == 0 && namespaces_at_end == 0 &&
           exec_states_at_end == 0;
  }
};

/// Throws std::system_error without threads or memory for the machine, which says what it was for, and what
/// go_on throws; nothing runs then any more. Not from within a storm: one at a time in a process.
[[nodiscard]] storm_figures storm(const design& lifetimes, const storm_options& options);

}  // namespace trefoil::machine
