// SPDX-License-Identifier: Apache-2.0
/// @file
/// Who holds address spaces, and what of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trefoil/context.hpp"

namespace trefoil::machine {

/// Kinds of holder. Each has one answer in a design (design.hpp).
enum class holder : std::uint8_t {
  user,         ///< tasks, and whoever works on the mappings: always the whole of it
  lazy_cpu,     ///< a CPU that runs a kernel task with a borrowed page directory: always the pgd
  exit_mm,      ///< a task after exit_mm(), until it is freed: for access checks
  oom_mm,       ///< the thread group of an OOM victim, until it is freed
  proc_handle,  ///< an open /proc/PID/mem
  struct_only,  ///< any other of the 29 that need the struct alone (accounting, identity, promotion)
};

inline constexpr std::size_t holder_kinds = 6;

inline constexpr std::array<std::string_view, holder_kinds> holder_names{
    "user", "lazy-cpu", "exit-mm", "oom-mm", "proc-handle", "struct-only"};

/// What the code that lets go for a holder of that kind assumes of where it is called: at most this
/// level. free_signal_struct(), for one, is called from anywhere, and so leaves a page directory to a
/// worker even where it could free it (mmdrop_async).
[[nodiscard]] constexpr context::level assumed_by(holder h) noexcept {
  return h == holder::oom_mm ? context::any : context::process;
}

[[nodiscard]] constexpr std::string_view name_of(holder h) noexcept {
  return holder_names[static_cast<std::size_t>(h)];
}

}  // namespace trefoil::machine
