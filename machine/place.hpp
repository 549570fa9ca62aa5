// SPDX-License-Identifier: Apache-2.0
/// @file
/// The places where a kernel's code runs, and what may run there.
///
/// | place          | ordinary  | PREEMPT_RT | why                                                        |
/// | -------------- | --------- | ---------- | ---------------------------------------------------------- |
/// | task           | `process` | `process`  | may sleep                                                  |
/// | scheduler_tail | `atomic`  | `any`      | finish_task_switch: preemption off, interrupts on; spin locks sleep on RT |
/// | rcu_callback   | `any`     | `atomic`   | a softirq may have interrupted the holder of pgd_lock; on RT a thread |
/// | softirq        | `any`     | `atomic`   | the same                                                   |
/// | hardirq        | `any`     | `any`      | may have interrupted anybody                               |
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trefoil/context.hpp"

namespace trefoil::machine {

enum class place : std::uint8_t { task, scheduler_tail, rcu_callback, softirq, hardirq };

enum class flavour : std::uint8_t { ordinary, preempt_rt };

/// The level that code in that place has. (The table above.)
[[nodiscard]] constexpr context::level level_of(flavour kernel, place where) noexcept {
  const bool rt = kernel == flavour::preempt_rt;
  switch (where) {
    case place::task: return context::process;
    case place::scheduler_tail: return rt ? context::any : context::atomic;
    case place::rcu_callback:
    case place::softirq: return rt ? context::atomic : context::any;
    case place::hardirq: break;
  }
  return context::any;
}

/// What a tracer would call the place: who looks at a CPU from outside cannot tell more.
enum class sampled : std::uint8_t { task, softirq, hardirq };
inline constexpr std::array<std::string_view, 3> sampled_names{"task", "softirq", "hardirq"};

/// On PREEMPT_RT softirqs are threads.
[[nodiscard]] constexpr sampled sampled_as(flavour kernel, place where) noexcept {
  if (where == place::hardirq) return sampled::hardirq;
  const bool soft = where == place::rcu_callback || where == place::softirq;
  return soft && kernel == flavour::ordinary ? sampled::softirq : sampled::task;
}

}  // namespace trefoil::machine
