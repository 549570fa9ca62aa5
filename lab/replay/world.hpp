// SPDX-License-Identifier: Apache-2.0
// One design's half of the replay: a machine, and the references of those who live, by slot.
#ifndef TREFOIL_LAB_REPLAY_WORLD_HPP
#define TREFOIL_LAB_REPLAY_WORLD_HPP

#include "lab/replay/slots.hpp"
#include "machine/access.hpp"
#include "machine/histogram.hpp"
#include "machine/step.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace trefoil::lab {

// What nobody whom we know by name holds of an address space.
struct mm_holders {
  machine::user_ref other_user;  // who makes it, or a user that the recording does not show
  std::vector<machine::held> strangers;
  machine::holder strangers_are = machine::holder::struct_only;
};

struct world {
  world(const machine::design& lifetimes, machine::flavour kernel,
        trefoil::mm::frame_allocator<machine::platform>& frames, machine::worker_delays delays)
      : host(lifetimes, kernel, frames, delays) {}

  machine::step host;  // first, hence destroyed last
  std::deque<mm_holders> mms;
  std::deque<machine::task> tasks;
  std::deque<machine::held> oom;      // by group
  machine::histogram open_window_ns;  // access checks that failed open: how long they did

  bool has_room(std::size_t mm_slots, std::size_t task_slots, std::size_t group_slots) const {
    return mms.size() >= mm_slots && tasks.size() >= task_slots && oom.size() >= group_slots;
  }
  void make_room(std::size_t mm_slots, std::size_t task_slots, std::size_t group_slots) {
    if (mms.size() < mm_slots) mms.resize(mm_slots);
    if (tasks.size() < task_slots) tasks.resize(task_slots);
    if (oom.size() < group_slots) oom.resize(group_slots);
  }
};

}  // namespace trefoil::lab

#endif
