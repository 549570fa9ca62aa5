// SPDX-License-Identifier: Apache-2.0
// What the events have told so far about those who live: the same for every design.
//
// | holder that the recording shows         | taken at                          | lets go at            |
// | --------------------------------------- | --------------------------------- | --------------------- |
// | task                                    | fork, exec                        | exec, exit_mm; the last one: exit_mmap |
// | lazy CPU, of an address space that dies | exit_mm; else known at exit_mmap  | dead_drop, switch     |
// | lazy CPU, where switches are recorded   | switch                            | switch                |
// | task after exit_mm                      | exit_mm                           | task_free             |
// | OOM victim's thread group               | oom                               | its last task_free    |
//
// | holder that it does not show            | how it is known of                | lets go at            |
// | --------------------------------------- | --------------------------------- | --------------------- |
// | other users (a reader of /proc)         | nobody else could be the last user | exit_mmap            |
// | open /proc/PID/mem, other struct-only   | mm_count at exit_mmap is higher   | mm_free: INFERRED     |
#ifndef TREFOIL_LAB_REPLAY_STORY_HPP
#define TREFOIL_LAB_REPLAY_STORY_HPP

#include "lab/recording/event.hpp"
#include "lab/replay/slots.hpp"
#include "machine/holder.hpp"
#include "machine/place.hpp"

#include <cstdint>
#include <vector>

namespace trefoil::lab {

// Who let go last, as far as the replay of the kernel's own design says.
struct last_drop {
  std::int64_t row = 0;  // of the event that was the drop; 0: none yet
  std::int32_t pid = 0;
  std::uint16_t cpu = 0;
  machine::place where = machine::place::task;
  machine::holder whose = machine::holder::user;
  bool deferred = false;
  bool conditional = false;  // strangers were left, who may have let go unseen before

  explicit operator bool() const noexcept { return row != 0; }
};

// A CPU was seen to give back what is not quite dead yet: it does so a moment after it is seen.
struct return_under_way {
  std::int64_t row = 0;  // 0: none
  std::int64_t time_ns = 0;
  std::int32_t pid = 0;  // of the task that does it
  std::uint16_t cpu = 0;
};

struct mm_story {
  mm_id id;
  slot_number slot = no_slot;
  bool nascent = false;            // allocated, and nobody's yet
  bool other_user = false;         // the world keeps a user's reference that is no task's we know
  bool mappings_gone = false;      // exit_mmap was seen
  bool victim = false;             // an OOM victim's thread group keeps it
  std::vector<slot_number> tasks;  // whose mm it is
  slot_number leaving = no_slot;   // in exit_mm(), between clearing mm and the mmput
  std::uint32_t strangers = 0;     // holders that only mm_count told of
  bool freed = false;              // mm_free was seen; kept for observed holders that go on
  return_under_way returning;
  last_drop ending;
};

struct task_story {
  task_id id;  // none: known by its pid alone
  slot_number slot = no_slot;
  std::int32_t pid = -1;
  mm_id mm;                      // task->mm
  mm_id leaving;                 // see mm_story::leaving
  mm_id next_mm;                 // of the exec under way
  slot_number group = no_slot;   // known from its exit on, or since it became a victim
  std::int64_t exit_mm_ns = -1;  // when mm was cleared
  bool put = false;              // rcu_put was seen
  bool oom = false;              // a victim whose mm is not known yet
};

// Tasks that share a sighand: what signal_struct is to Linux.
struct group_story {
  sighand_id id;  // none: an OOM victim's that has not exited yet
  slot_number slot = no_slot;
  std::uint32_t exited = 0;  // and not freed
  bool all_exited = false;
  bool victim = false;  // the world keeps oom_mm
  bool had_mm = false;  // a process, not a kernel thread
};

struct cpu_story {
  mm_id borrowed;
  mm_id just_returned;  // at the last switch: the dead_drop that follows tells the same
};

}  // namespace trefoil::lab

#endif
