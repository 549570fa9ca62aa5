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
#include <utility>
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
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  // What went wrong on the way left references here, and to drop one takes a CPU. (What is deferred is
  // noted, which takes memory: without it there is no way on.)
  ~world() { let_go(); }  // NOLINT(bugprone-exception-escape)

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
  // Whoever is left drops what he has; figures do not count it. The host is paused from here on.
  void let_go() {
    host.pause();
    host.give_back_all();
    for (machine::task& t : tasks) host.free_task(0, t, machine::place::task);
    for (machine::held& h : oom) host.drop(0, h, machine::holder::oom_mm, machine::place::task);
    for (mm_holders& m : mms) {
      for (machine::held& h : m.strangers) host.drop(0, h, m.strangers_are, machine::place::task);
      m.strangers.clear();
      host.mmput(0, std::move(m.other_user));
    }
  }
};

}  // namespace trefoil::lab

#endif
