// SPDX-License-Identifier: Apache-2.0
// One event of a recording, and which objects an event of each kind names.
#ifndef TREFOIL_LAB_RECORDING_EVENT_HPP
#define TREFOIL_LAB_RECORDING_EVENT_HPP

#include "lab/recording/ids.hpp"
#include "lab/recording/vocabulary.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace trefoil::lab {

// The value of mm_users, mm_count and subject where the recorder did not read it.
inline constexpr std::int32_t not_read = -1;

struct event {
  std::int64_t time_ns = 0;  // since the recording began

  // The CPU and its current task. In an interrupt the current task is a bystander.
  event_kind kind{};
  sampled_context context{};
  actor who{};
  std::uint16_t cpu = 0;
  std::int32_t pid = 0;
  comm_id comm;
  route_id route;  // who caused it, from the kernel's stack; none: not sampled

  // The objects: see shape_of.
  mm_id mm;
  task_id task;
  mm_id old_mm;   // prep_exec: what exec leaves
  mm_id prev_mm;  // switch: mm of the task that leaves the CPU (mm is its active_mm)
  mm_id next_mm;  // switch: mm of the task that gets it
  files_id files;
  sighand_id sighand;

  std::int32_t mm_users = not_read;
  std::int32_t mm_count = not_read;
  // fork: the child's pid. task_exit: threads still live. dead_*, switch: the next task's pid.
  // rcu_put: the task's pid.
  std::int32_t subject = not_read;

  friend bool operator==(const event&, const event&) = default;
};

// The objects an event can name, as bits.
namespace names_of {
inline constexpr std::uint8_t mm = 1;
inline constexpr std::uint8_t task = 2;
inline constexpr std::uint8_t old_mm = 4;
inline constexpr std::uint8_t prev_mm = 8;
inline constexpr std::uint8_t next_mm = 16;
inline constexpr std::uint8_t files = 32;
inline constexpr std::uint8_t sighand = 64;
}  // namespace names_of

struct event_shape {
  std::uint8_t required = 0;  // always there
  std::uint8_t optional = 0;  // none has a meaning
};

// Kernel threads have no mm: that is what is optional. A task_exit has none either where it fires
// after exit_mm.
constexpr event_shape shape_of(event_kind kind) {
  using namespace names_of;
  switch (kind) {
    case event_kind::mm_alloc:
    case event_kind::exit_mmap:
    case event_kind::mm_free: return {mm, 0};
    case event_kind::task_alloc:
    case event_kind::rcu_put:
    case event_kind::task_free:
    case event_kind::oom: return {task, 0};
    case event_kind::fork: return {task, mm};
    case event_kind::prep_exec: return {mm, old_mm};
    case event_kind::exec:
    case event_kind::exit_mm:
    case event_kind::dead_borrow:
    case event_kind::dead_drop: return {mm | task, 0};
    case event_kind::task_exit: return {task, mm | files | sighand};
    case event_kind::context_switch: return {task, mm | prev_mm | next_mm};
    case event_kind::files_free: return {files, 0};
    case event_kind::sighand_free: return {sighand, 0};
  }
  return {};
}

}  // namespace trefoil::lab

#endif
