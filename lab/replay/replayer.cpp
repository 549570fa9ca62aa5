// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/replayer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace trefoil::lab {

using machine::holder;

replayer::replayer(std::vector<world*> worlds, const lookahead& ahead, const names& words,
                   machine::flavour kernel)
    : worlds_(std::move(worlds)), ahead_(ahead), words_(words), truth_(kernel), flavour_(kernel) {}

void replayer::play(const event& e, std::int64_t row) {
  row_ = row;
  now_ns_ = e.time_ns;
  truth_.look(e, row);
  each([&](world& w) { w.host.advance(now_ns_); });
  // A CPU that runs a user task has nothing borrowed. (An exiting one may have no mm any more; a
  // switch is told of while the old task is still current; and no observed holder lets go because of
  // an mm_free.)
  if (e.who == actor::user && e.kind != event_kind::dead_drop && e.kind != event_kind::mm_free) {
    given_back_unseen(e.cpu);
  }
  switch (e.kind) {
    case event_kind::mm_alloc: mm_alloc(e); break;
    case event_kind::task_alloc: task_alloc(e); break;
    case event_kind::fork: fork(e); break;
    case event_kind::prep_exec: prep_exec(e); break;
    case event_kind::exec: exec(e); break;
    case event_kind::task_exit: task_exit(e); break;
    case event_kind::exit_mm: exit_mm(e); break;
    case event_kind::files_free: files_free(e); break;
    case event_kind::exit_mmap: exit_mmap(e); break;
    case event_kind::mm_free: mm_free(e); break;
    case event_kind::dead_borrow: dead_borrow(e); break;
    case event_kind::dead_drop: dead_drop(e); break;
    case event_kind::context_switch: context_switch(e); break;
    case event_kind::sighand_free: sighand_free(e); break;
    case event_kind::rcu_put: rcu_put(e); break;
    case event_kind::task_free: task_free(e); break;
    case event_kind::oom: oom(e); break;
  }
}

void replayer::end_segment(std::int64_t end_ns, std::int64_t next_begin_ns) {
  odd_.outliving_mms += static_cast<std::int64_t>(mms_.living());
  odd_.outliving_tasks += static_cast<std::int64_t>(tasks_.living());
  each([&](world& w) {
    w.host.advance(end_ns);
    w.let_go();
    w.host.resume(next_begin_ns);
  });
  mms_.clear();
  tasks_.clear();
  groups_.clear();
  by_pid_.clear();
  for (cpu_story& c : cpus_) c = {};
  truth_.end_segment();
}

// ---- who is named --------------------------------------------------------------------------------

void replayer::make_room() {
  // All grow together: where one has room, all have.
  if (worlds_.front()->has_room(mms_.capacity(), tasks_.capacity(), groups_.capacity())) return;
  each([&](world& w) { w.make_room(mms_.capacity(), tasks_.capacity(), groups_.capacity()); });
}

mm_story& replayer::the_mm(mm_id id) {
  if (mm_story* const known = mms_.find(id)) return *known;
  ++odd_.born_before_mms;
  mm_story& made = mms_.add(id);
  made.other_user = true;
  make_room();
  each([&](world& w) { w.mms[made.slot].other_user = w.host.create(0, id.value()); });
  return made;
}

task_story& replayer::the_task(task_id id, std::int32_t pid) {
  task_story* known = tasks_.find(id);
  if (known == nullptr && pid > 0) {
    // Perhaps we met it already, without its name.
    const auto at = by_pid_.find(pid);
    if (at != by_pid_.end() && !tasks_[at->second].id) {
      known = &tasks_[at->second];
      tasks_.name(*known, id);
    }
  }
  if (known == nullptr) {
    ++odd_.born_before_tasks;
    known = &tasks_.add(id);
    make_room();
  }
  if (pid > 0) has_pid(*known, pid);
  return *known;
}

void replayer::has_pid(task_story& task, std::int32_t pid) {
  if (task.pid == pid) return;
  const auto old = by_pid_.find(task.pid);
  if (old != by_pid_.end() && old->second == task.slot) by_pid_.erase(old);
  task.pid = pid;
  by_pid_[pid] = task.slot;
}

task_story* replayer::current(const event& e) {
  const auto at = by_pid_.find(e.pid);
  return at == by_pid_.end() ? nullptr : &tasks_[at->second];
}

group_story& replayer::join_group(task_story& task, sighand_id id) {
  group_story* group = groups_.find(id);
  if (group == nullptr && task.group != no_slot) {
    group = &groups_[task.group];
    groups_.name(*group, id);
  } else if (group == nullptr) {
    group = &groups_.add(id);
    make_room();
  } else if (task.group != no_slot && task.group != group->slot) {
    // Made for a victim whose group we did not know.
    group_story& unnamed = groups_[task.group];
    if (unnamed.victim && !group->victim) {
      group->victim = true;
      each([&](world& w) { std::swap(w.oom[group->slot], w.oom[unnamed.slot]); });
    }
    each([&](world& w) {
      w.host.drop(0, w.oom[unnamed.slot], holder::oom_mm, machine::place::task);
    });
    groups_.remove(unnamed);
  }
  task.group = group->slot;
  return *group;
}

cpu_story& replayer::the_cpu(std::uint16_t number) {
  if (number >= cpus_.size()) cpus_.resize(number + std::size_t{1});
  return cpus_[number];
}

machine::place replayer::place_of(const event& e, bool rcu) const {
  switch (e.context) {
    case sampled_context::hardirq: return machine::place::hardirq;
    case sampled_context::softirq:
      return rcu ? machine::place::rcu_callback : machine::place::softirq;
    case sampled_context::task:
      return e.who == actor::rcu_kthread || e.who == actor::ksoftirqd ? machine::place::rcu_callback
                                                                      : machine::place::task;
    case sampled_context::not_sampled:
    case sampled_context::unknown: break;
  }
  return rcu ? machine::place::rcu_callback : machine::place::task;
}

replayer::teardowns_so_far replayer::before_a_drop() const {
  const machine::ledger& figures = worlds_.front()->host.figures();
  return {figures.identities_gone(), figures.handed_over()};
}

void replayer::after_a_drop(const teardowns_so_far& before, mm_story* mm, last_drop how) {
  if (mm == nullptr || mm->ending) return;
  const teardowns_so_far now = before_a_drop();
  how.row = row_;
  const bool ended = now.ended != before.ended;
  how.deferred = !ended && now.handed_over != before.handed_over;
  if (!ended && !how.deferred) {
    if (mm->strangers == 0 || !mm->mappings_gone || !only_strangers_hold(*mm)) return;
    // If they let go before, which nobody saw, this was the end.
    const context::level level = std::min(level_of(flavour_, how.where), assumed_by(how.whose));
    how.deferred = !context::allows(level, machine::page_directory::teardown);
    how.conditional = true;
  }
  truth_.predict(*mm, how);
}

bool replayer::only_strangers_hold(const mm_story& mm) const {
  const mm_holders& holders = worlds_.front()->mms[mm.slot];
  return !holders.strangers.empty() &&
         holders.strangers.front().page_directory_count() == mm.strangers;
}

}  // namespace trefoil::lab
