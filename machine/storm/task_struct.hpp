// SPDX-License-Identifier: Apache-2.0
/// @file
/// Tasks and processes of the `storm` machine: objects of one stage, themselves, whose last
/// references go in softirqs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "machine/storm/chance.hpp"
#include "machine/storm/files.hpp"
#include "machine/storm/rcu.hpp"
#include "machine/task.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::machine {

/// A thread group. (signal_struct, files_struct)
///
/// Teardown: at level `any`, in the RCU callback of its last task. So by then it owns nothing whose
/// end needs more: its files are closed, and oom_mm was dropped as the place requires.
class process_contents {
 public:
  static constexpr auto teardown = context::any;

  process_contents(bool is_init, std::unique_ptr<machine::files> opened) noexcept
      : is_init_(is_init), files_(std::move(opened)) {}

  /// The first process, which lives as long as others are to come. The OOM killer leaves it alone.
  [[nodiscard]] bool is_init() const noexcept { return is_init_; }

  held_slot oom_mm;                       ///< what the OOM killer has marked
  std::atomic<bool> oom_victim{false};    ///< it has; the first who sets it sets oom_mm
  std::atomic<bool> killed{false};        ///< every task of it exits as soon as it can
  std::atomic<std::uint32_t> running{0};  ///< tasks before exit_files()
  std::atomic<std::uint32_t> tasks{0};    ///< tasks not freed

  /// Whoever reads them is a task before exit_files(), or closes them.
  [[nodiscard]] machine::files& files() noexcept { return *files_; }
  [[nodiscard]] std::unique_ptr<machine::files> close_files() noexcept { return std::move(files_); }

 private:
  const bool is_init_;
  std::unique_ptr<machine::files> files_;
};

using process = basic_staged<platform::namespace_traits, process_contents>;

/// How far a task is.
enum class stage : std::uint8_t { lives, leaves_mm, puts_mm, closes_files, is_released };

/// A task. One owner, the scheduler; others find it by its pid, under RCU. (task_struct)
///
/// Teardown: at level `any`, in the RCU callback after its release, when its slots are empty.
class task_contents {
 public:
  static constexpr auto teardown = context::any;

  task_contents(ref<process> group, std::uint64_t seed, unsigned steps) noexcept
      : life(seed), steps_left(steps), group_(std::move(group)) {}

  [[nodiscard]] process_contents& group() const noexcept { return *group_; }
  [[nodiscard]] const ref<process>& share_group() const noexcept { return group_; }

  machine::task mms;                  ///< its address spaces; for others, under RCU
  std::atomic<bool> has_files{true};  ///< until exit_files(): what pidfd_getfd() could take
  std::atomic<std::uint32_t> pid{0};  ///< its place in the table
  // Of the CPU that runs it:
  chance life;
  unsigned steps_left;
  stage now = stage::lives;
  // Of its end:
  rcu_callback freed;

 private:
  const ref<process> group_;
};
using task_struct = basic_staged<platform::namespace_traits, task_contents>;
using task_ref = ref<task_struct>;

}  // namespace trefoil::machine
