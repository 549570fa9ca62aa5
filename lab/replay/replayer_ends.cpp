// SPDX-License-Identifier: Apache-2.0
// The replayer: ends of address spaces and of tasks, OOM victims among them.
#include "lab/replay/replayer.hpp"

#include <string_view>
#include <utility>

namespace trefoil::lab {

using machine::holder;
using machine::user_ref;

// An observed holder that still holds it in the recorded design's world.
std::string_view replayer::still_held_by(const mm_story& mm) const {
  for (const cpu_story& c : cpus_) {
    if (c.borrowed == mm.id) return name_of(holder::lazy_cpu);
  }
  if (has_users(mm)) return name_of(holder::user);
  return mm.victim ? name_of(holder::oom_mm) : std::string_view("none is left");
}

void replayer::mm_free(const event& e) {
  mm_story* const mm = mms_.find(e.mm);
  if (mm == nullptr) return;
  const bool as_predicted =
      truth_.compare(*mm, e, e.route ? words_.routes.text(e.route) : std::string_view{},
                     mm->ending ? std::string_view{} : still_held_by(*mm));
  forget(*mm, e, as_predicted);
}

// The recorded kernel has no holder of it any more. Those whom only this end shows let go now, and
// if an observed holder was the last, as if it were the last of them; so does who was about to exec
// or fork and failed. Observed holders go on until their own events.
void replayer::forget(mm_story& mm, const event& e, bool as_predicted) {
  const machine::place where = place_of(e, /*rcu=*/false);
  const last_drop& end = mm.ending;
  const bool observed_last = as_predicted && end.conditional;
  each([&](world& w) {
    mm_holders& holders = w.mms[mm.slot];
    while (!holders.strangers.empty()) {
      const bool last = observed_last && holders.strangers.size() == 1;
      w.host.drop(last ? end.cpu : e.cpu, holders.strangers.back(),
                  last ? end.whose : holders.strangers_are, last ? end.where : where);
      holders.strangers.pop_back();
    }
    w.host.mmput(e.cpu, std::move(holders.other_user));
  });
  used_up(mm);
  mm.strangers = 0;
  if (has_users(mm)) {
    mm.freed = true;
  } else {
    mms_.remove(mm);
  }
}

void replayer::oom(const event& e) {
  task_story& task = the_task(e.task, -1);
  task.oom = true;
  mark_victim(task);
}

// mark_oom_victim(): the thread group keeps the mm, once.
void replayer::mark_victim(task_story& task) {
  mm_story* const mm = task.mm ? mms_.find(task.mm) : nullptr;
  if (mm == nullptr || !has_users(*mm)) return;  // perhaps its exit tells which mm it has
  task.oom = false;
  // Another thread of the group may have been marked already.
  for (const slot_number other : mm->tasks) {
    const slot_number its = tasks_[other].group;
    if (task.group == no_slot && its != no_slot && groups_[its].victim) task.group = its;
  }
  if (task.group == no_slot) {
    task.group = groups_.add().slot;
    make_room();
  }
  group_story& group = groups_[task.group];
  if (group.victim) return;
  group.victim = true;
  mm->victim = true;
  each([&](world& w) { w.oom[group.slot] = w.host.hold(holder::oom_mm, user_of(w, *mm)); });
}

void replayer::sighand_free(const event& e) {
  if (group_story* const group = groups_.find(e.sighand)) group->all_exited = true;
}

void replayer::rcu_put(const event& e) {
  task_story* const task = tasks_.find(e.task);
  if (task == nullptr) return;
  task->put = true;
  if (ahead_.sees_free_of(e.task)) return;
  ++odd_.lost_task_frees;
  free_task(*task, e, place_of(e, /*rcu=*/true));
}

void replayer::task_free(const event& e) {
  task_story* const task = tasks_.find(e.task);
  if (task != nullptr) free_task(*task, e, place_of(e, task->put));
}

void replayer::free_task(task_story& task, const event& e, machine::place where) {
  if (mm_story* const mm = task.leaving ? mms_.find(task.leaving) : nullptr) {
    finish_leaving(*mm, e.cpu);
  }
  if (mm_story* const mm = task.mm ? mms_.find(task.mm) : nullptr) {
    leave(task);
    put_old(*mm, e.cpu, from_each([&](world& w) { return w.tasks[task.slot].mm.exchange({}); }));
  }
  each([&](world& w) { w.host.free_task(e.cpu, w.tasks[task.slot], where); });
  group_story* const group = task.group != no_slot ? &groups_[task.group] : nullptr;
  if (group != nullptr && group->exited != 0) --group->exited;
  if (group != nullptr && group->exited == 0 && group->all_exited) {
    if (group->had_mm) ++processes_ended_;
    if (group->victim) {
      mm_story* mm = nullptr;
      if (const machine::identity* const who = worlds_.front()->oom[group->slot].who()) {
        mm = mms_.find(mm_id{static_cast<mm_id::number>(who->number())});
      }
      const teardowns_so_far before = before_a_drop();
      each([&](world& w) { w.host.drop(e.cpu, w.oom[group->slot], holder::oom_mm, where); });
      after_a_drop(before, mm,
                   {.pid = e.pid, .cpu = e.cpu, .where = where, .whose = holder::oom_mm});
    }
    groups_.remove(*group);
  }
  if (task.pid > 0) {
    const auto at = by_pid_.find(task.pid);
    if (at != by_pid_.end() && at->second == task.slot) by_pid_.erase(at);
  }
  tasks_.remove(task);
}

}  // namespace trefoil::lab
