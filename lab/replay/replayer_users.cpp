// SPDX-License-Identifier: Apache-2.0
// The replayer: users of address spaces, from fork and exec on.
#include "lab/replay/replayer.hpp"

#include <utility>
#include <vector>

namespace trefoil::lab {

using machine::user_ref;

// One more reference, to share from; empty: there is no user.
user_ref replayer::user_of(const world& w, const mm_story& mm) {
  if (!mm.tasks.empty()) return w.tasks[mm.tasks.front()].mm.load();
  if (mm.leaving != no_slot) return w.tasks[mm.leaving].leaving;
  return w.mms[mm.slot].other_user;
}

bool replayer::has_users(const mm_story& mm) const {
  return !mm.tasks.empty() || mm.leaving != no_slot || mm.nascent || mm.other_user;
}

// For a task that turns out to have it: the reference that nobody had a name for, else one more.
user_ref replayer::take_or_share(world& w, mm_story& mm) const {
  if (user_ref& unnamed = w.mms[mm.slot].other_user) return std::move(unnamed);
  return w.host.share(user_of(w, mm));
}
void replayer::used_up(mm_story& mm) {
  mm.nascent = false;
  mm.other_user = false;
}

void replayer::leave(task_story& task) {
  if (!task.mm) return;
  if (mm_story* const mm = mms_.find(task.mm)) std::erase(mm->tasks, task.slot);
  task.mm = {};
}

// The recording shows that the task has this mm; how it got it may not have been recorded.
void replayer::attach(task_story& task, mm_story& mm) {
  if (task.mm == mm.id || task.leaving == mm.id || !has_users(mm)) return;
  mm_story* const old = task.mm ? mms_.find(task.mm) : nullptr;
  leave(task);
  user_refs references =
      from_each([&](world& w) { return w.host.adopt(w.tasks[task.slot], take_or_share(w, mm)); });
  used_up(mm);
  mm.tasks.push_back(task.slot);
  task.mm = mm.id;
  if (old != nullptr) put_old(*old, 0, std::move(references));
}

void replayer::put(std::uint16_t cpu, user_refs references) {
  each(references, [&](world& w, user_ref& r) { w.host.mmput(cpu, std::move(r)); });
}

// References that a task gives up, not as the last user as far as is recorded: if they are the last
// ones here, somebody has another whom the recording does not show.
void replayer::put_old(mm_story& old, std::uint16_t cpu, user_refs references) {
  if (has_users(old) || old.freed) return put(cpu, std::move(references));
  ++odd_.unseen_users;
  old.other_user = true;
  each(references, [&](world& w, user_ref& r) { w.mms[old.slot].other_user = std::move(r); });
}

// exec. The references to the old address space go to `last` if it is `dying`.
void replayer::switch_program(task_story& task, mm_story& next, mm_story* dying, user_refs& last) {
  mm_story* const old = task.mm ? mms_.find(task.mm) : nullptr;
  leave(task);
  user_refs references =
      from_each([&](world& w) { return w.host.exec(w.tasks[task.slot], take_or_share(w, next)); });
  used_up(next);
  next.tasks.push_back(task.slot);
  task.mm = next.id;
  task.next_mm = {};
  if (old == nullptr) return;
  if (old == dying) {
    last = std::move(references);
  } else {
    put_old(*old, 0, std::move(references));
  }
}

void replayer::mm_alloc(const event& e) {
  mm_story& made = mms_.add(e.mm);
  made.nascent = true;
  make_room();
  each([&](world& w) { w.mms[made.slot].other_user = w.host.create(e.cpu, e.mm.value()); });
  // Before Linux 6.11 nothing else tells which address space an exec is about to enter.
  if (task_story* const maker = current(e)) maker->next_mm = e.mm;
}

void replayer::task_alloc(const event& e) {
  tasks_.add(e.task);
  make_room();
}

void replayer::fork(const event& e) {
  if (!e.mm) {  // a kernel thread
    static_cast<void>(the_task(e.task, e.subject));
    return;
  }
  mm_story& mm = the_mm(e.mm);
  task_story& child = the_task(e.task, e.subject);
  if (child.mm || !has_users(mm)) return;
  task_story* const parent = current(e);
  // One's own, unless it is the parent's: then the reference that nobody has a name for is not ours.
  const bool own = mm.nascent;
  static const machine::task nobody;
  each([&](world& w) {
    const machine::task& from = parent == nullptr ? nobody : w.tasks[parent->slot];
    w.host.fork(from, w.tasks[child.slot],
                own ? take_or_share(w, mm) : w.host.share(user_of(w, mm)));
  });
  if (own) used_up(mm);
  mm.tasks.push_back(child.slot);
  child.mm = mm.id;
  if (parent != nullptr && parent->next_mm == mm.id) parent->next_mm = {};
}

void replayer::prep_exec(const event& e) {
  task_story* task = current(e);
  if (task == nullptr) {
    task = &tasks_.add();
    ++odd_.born_before_tasks;
    make_room();
    if (e.pid > 0) has_pid(*task, e.pid);
  }
  task->next_mm = e.mm;
  static_cast<void>(the_mm(e.mm));
  if (e.old_mm) {
    attach(*task, the_mm(e.old_mm));
  } else {
    // A kernel thread becomes a program: exec_mmap drops what its CPU had borrowed.
    give_back(e.cpu, e.pid, machine::place::task);
  }
}

void replayer::exec(const event& e) {
  task_story& task = the_task(e.task, e.pid);
  mm_story& next = the_mm(e.mm);
  user_refs last;
  if (task.mm != e.mm && has_users(next)) switch_program(task, next, nullptr, last);
  task.next_mm = {};
}

}  // namespace trefoil::lab
