// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/replayer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace trefoil::lab {

using machine::holder;
using machine::user_ref;

namespace {

// More of them than that are not believed: a count that was read wrong must not fill the memory.
constexpr std::int64_t most_strangers = 4096;

// A switch is told of before the reference goes: what a CPU was seen to give back may still count a
// moment later.
constexpr std::int64_t most_events_between = 8;
constexpr std::int64_t most_ns_between = 200'000;

template <class T>
void erase(std::vector<T>& from, const T& what) {
  from.erase(std::remove(from.begin(), from.end(), what), from.end());
}

}  // namespace

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
    w.host.pause();
    for (unsigned i = 0; i < cpus_.size(); ++i) w.host.give_back(i);
    for (machine::task& t : w.tasks) w.host.free_task(0, t, machine::place::task);
    for (machine::held& h : w.oom) w.host.drop(0, h, holder::oom_mm, machine::place::task);
    for (mm_holders& m : w.mms) {
      for (machine::held& h : m.strangers) w.host.drop(0, h, m.strangers_are, machine::place::task);
      m.strangers.clear();
      w.host.mmput(0, std::move(m.other_user));
    }
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

template <class F>
void replayer::may_end(mm_story* mm, std::int32_t pid, std::uint16_t cpu, machine::place where,
                       holder whose, F&& f) {
  const machine::ledger& figures = worlds_.front()->host.figures();
  const std::uint64_t gone = figures.identities_gone();
  const std::uint64_t handed_over = figures.handed_over();
  f();
  if (mm == nullptr || mm->ending) return;
  const bool ended = figures.identities_gone() != gone;
  const bool deferred = !ended && figures.handed_over() != handed_over;
  if (ended || deferred) {
    truth_.predict(*mm, {row_, pid, cpu, where, whose, deferred, false});
  } else if (mm->strangers != 0 && mm->mappings_gone && only_strangers_hold(*mm)) {
    // If they let go before, which nobody saw, this was the end.
    const context::level level = whose == holder::oom_mm ? context::any : level_of(flavour_, where);
    const bool would_be = !context::allows(level, machine::page_directory::teardown);
    truth_.predict(*mm, {row_, pid, cpu, where, whose, would_be, true});
  }
}

bool replayer::only_strangers_hold(const mm_story& mm) const {
  const mm_holders& holders = worlds_.front()->mms[mm.slot];
  return !holders.strangers.empty() &&
         holders.strangers.front().page_directory_count() == mm.strangers;
}

// ---- users ---------------------------------------------------------------------------------------

// Any user's reference, to share from; empty: there is no user.
const user_ref& replayer::user_of(const world& w, const mm_story& mm) {
  if (!mm.tasks.empty()) return w.tasks[mm.tasks.front()].mm;
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
  if (mm_story* const mm = mms_.find(task.mm)) erase(mm->tasks, task.slot);
  task.mm = {};
}

// The recording shows that the task has this mm; how it got it may not have been recorded.
void replayer::attach(task_story& task, mm_story& mm) {
  if (task.mm == mm.id || task.leaving == mm.id || !has_users(mm)) return;
  mm_story* const old = task.mm ? mms_.find(task.mm) : nullptr;
  leave(task);
  std::vector<user_ref> references;
  each([&](world& w) {
    references.push_back(w.host.adopt(w.tasks[task.slot], take_or_share(w, mm)));
  });
  used_up(mm);
  mm.tasks.push_back(task.slot);
  task.mm = mm.id;
  if (old != nullptr) put_old(*old, std::move(references));
}

// References that a task gives up, not as the last user as far as is recorded: if they are the last
// ones here, somebody has another whom the recording does not show.
void replayer::put_old(mm_story& old, std::vector<user_ref> references) {
  if (has_users(old) || old.freed) {
    auto at = references.begin();
    each([&](world& w) { w.host.mmput(0, std::move(*at++)); });
    return;
  }
  ++odd_.unseen_users;
  old.other_user = true;
  auto at = references.begin();
  each([&](world& w) { w.mms[old.slot].other_user = std::move(*at++); });
}

// exec. The references to the old address space go to `last` if it is `dying`.
void replayer::switch_program(task_story& task, mm_story& next, mm_story* dying,
                              std::vector<user_ref>& last) {
  mm_story* const old = task.mm ? mms_.find(task.mm) : nullptr;
  leave(task);
  std::vector<user_ref> references;
  each([&](world& w) {
    references.push_back(w.host.exec(w.tasks[task.slot], take_or_share(w, next)));
  });
  used_up(next);
  next.tasks.push_back(task.slot);
  task.mm = next.id;
  task.next_mm = {};
  if (old == nullptr) return;
  if (old == dying) {
    last = std::move(references);
  } else {
    put_old(*old, std::move(references));
  }
}

// ---- births --------------------------------------------------------------------------------------

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
  std::vector<user_ref> last;
  if (task.mm != e.mm && has_users(next)) switch_program(task, next, nullptr, last);
  task.next_mm = {};
}

// ---- exits ---------------------------------------------------------------------------------------

void replayer::task_exit(const event& e) {
  task_story& task = the_task(e.task, e.pid);
  if (e.sighand) {
    group_story& group = join_group(task, e.sighand);
    ++group.exited;
    group.all_exited = group.all_exited || e.subject == 0;
    group.had_mm = group.had_mm || e.mm || task.mm || task.exit_mm_ns >= 0;
  }
  if (e.mm) attach(task, the_mm(e.mm));
  if (task.oom) mark_victim(task);
  // Where the event fires after exit_mm, that is over.
  if (!e.mm && task.mm) do_exit_mm(task, e.cpu);
}

void replayer::exit_mm(const event& e) {
  task_story& task = the_task(e.task, e.pid);
  attach(task, the_mm(e.mm));
  if (task.oom) mark_victim(task);
  if (task.mm == e.mm) do_exit_mm(task, e.cpu);
}

// The kernel's exit_mm() up to its mmput, which exit_mmap tells of if it is the last.
void replayer::do_exit_mm(task_story& task, std::uint16_t cpu) {
  if (mm_story* const before = task.leaving ? mms_.find(task.leaving) : nullptr) {
    finish_leaving(*before, cpu);  // a second exit: whatever that was
  }
  mm_story& mm = the_mm(task.mm);
  finish_leaving(mm, cpu);
  given_back_unseen(cpu);
  each([&](world& w) { w.host.exit_mm(cpu, w.tasks[task.slot]); });
  the_cpu(cpu).borrowed = mm.id;
  leave(task);
  task.exit_mm_ns = now_ns_;
  task.leaving = mm.id;
  mm.leaving = task.slot;
  if (!mm.tasks.empty() || mm.other_user) finish_leaving(mm, cpu);
}

// The mmput of a task that was not the last user.
void replayer::finish_leaving(mm_story& mm, std::uint16_t cpu) {
  if (mm.leaving == no_slot) return;
  task_story& task = tasks_[std::exchange(mm.leaving, no_slot)];
  task.leaving = {};
  std::vector<user_ref> references;
  each([&](world& w) { references.push_back(std::move(w.tasks[task.slot].leaving)); });
  if (has_users(mm) || mm.freed) {
    auto at = references.begin();
    each([&](world& w) { w.host.mmput(cpu, std::move(*at++)); });
  } else {
    put_old(mm, std::move(references));
  }
}

void replayer::files_free(const event& e) {
  const task_story* const task = current(e);
  if (task == nullptr || task->exit_mm_ns < 0) return;
  // Whoever asks now, or asked at any time since mm was cleared, got this answer.
  each([&](world& w) {
    if (may_access(w.tasks[task->slot]) == machine::access::failed_open) {
      w.open_window_ns.add(now_ns_ - task->exit_mm_ns);
    }
  });
}

// The last user's mmput. Returns its references, one for each world, with no other user left.
std::vector<user_ref> replayer::last_users(mm_story& mm, const event& e) {
  task_story* task = current(e);
  if (task == nullptr && e.who == actor::user_exiting && e.pid > 0) {
    task = &tasks_.add();  // its name comes with its task_exit
    ++odd_.born_before_tasks;
    make_room();
    has_pid(*task, e.pid);
  }
  std::vector<user_ref> last;
  if (task != nullptr && task->leaving != mm.id) {
    if (e.who == actor::user_exiting) {
      // exit_mm was not recorded. On which CPU it ran is told by the one that will give it back.
      attach(*task, mm);
      if (task->oom) mark_victim(*task);
      const std::vector<std::uint16_t>& returns = ahead_.returns_of(mm.id);
      const bool here = std::find(returns.begin(), returns.end(), e.cpu) != returns.end();
      if (task->mm == mm.id) do_exit_mm(*task, returns.empty() || here ? e.cpu : returns.front());
    } else if (task->mm == mm.id && task->next_mm) {
      mm_story* const next = mms_.find(task->next_mm);
      if (next != nullptr && next->nascent) switch_program(*task, *next, &mm, last);
    }
  }
  const auto keep_or_put = [&](std::vector<user_ref> references) {
    if (last.empty()) {
      last = std::move(references);
      return;
    }
    auto at = references.begin();
    each([&](world& w) { w.host.mmput(e.cpu, std::move(*at++)); });
  };
  const auto take = [&](auto&& from) {
    std::vector<user_ref> references;
    each([&](world& w) { references.push_back(std::move(from(w))); });
    keep_or_put(std::move(references));
  };
  if (mm.leaving != no_slot) {
    task_story& leaving = tasks_[std::exchange(mm.leaving, no_slot)];
    leaving.leaving = {};
    take([&](world& w) -> user_ref& { return w.tasks[leaving.slot].leaving; });
  }
  // Whoever else is a user here has let go unseen.
  while (!mm.tasks.empty()) {
    task_story& other = tasks_[mm.tasks.back()];
    leave(other);
    take([&](world& w) -> user_ref& { return w.tasks[other.slot].mm; });
  }
  if (mm.nascent || mm.other_user) {
    used_up(mm);
    take([&](world& w) -> user_ref& { return w.mms[mm.slot].other_user; });
  }
  return last;
}

// mm_count says that there are holders whose taking the recording does not show.
bool replayer::meet_strangers(mm_story& mm, const event& e, const std::vector<user_ref>& users) {
  if (e.mm_count == not_read) return false;
  const auto known = static_cast<std::int64_t>(users.front().use_count<machine::page_directory>());
  if (known > e.mm_count) ++odd_.too_many_holders;
  std::int64_t unknown = std::min(e.mm_count - known, most_strangers);
  // Those that will be seen to be CPUs are CPUs already.
  for (const std::uint16_t cpu : ahead_.returns_of(mm.id)) {
    if (unknown <= 0) return false;
    if (the_cpu(cpu).borrowed == mm.id) continue;
    given_back_unseen(cpu);
    borrow(mm, cpu, users);
    --unknown;
  }
  const return_under_way& last = mm.returning;
  const bool under_way = unknown > 0 && last.row != 0 && row_ - last.row <= most_events_between &&
                         now_ns_ - last.time_ns <= most_ns_between;
  if (under_way) {
    given_back_unseen(last.cpu);
    borrow(mm, last.cpu, users);
    --unknown;
  }
  if (unknown <= 0) return under_way;
  const route_id end = ahead_.end_of(mm.id);
  const bool from_proc = end && words_.routes.text(end).find("/proc") != std::string_view::npos;
  const holder kind = from_proc ? holder::proc_handle : holder::struct_only;
  mm.strangers = static_cast<std::uint32_t>(unknown);
  odd_.strangers += unknown;
  auto user = users.begin();
  each([&](world& w) {
    mm_holders& holders = w.mms[mm.slot];
    holders.strangers_are = kind;
    for (std::int64_t i = 0; i < unknown; ++i) {
      holders.strangers.push_back(w.host.hold(kind, *user));
    }
    ++user;
  });
  return under_way;
}

void replayer::exit_mmap(const event& e) {
  mm_story& mm = the_mm(e.mm);
  std::vector<user_ref> users = last_users(mm, e);
  mm.mappings_gone = true;
  if (users.empty()) return;
  find_lazy_cpus(mm, e.cpu);
  const bool returning = meet_strangers(mm, e, users);
  // A kworker ends mappings for somebody who could not: mmput_async.
  const bool for_another = e.who == actor::kworker;
  may_end(&mm, e.pid, e.cpu, machine::place::task, holder::user, [&] {
    auto at = users.begin();
    each([&](world& w) {
      if (for_another) {
        w.host.mmput_async(e.cpu, std::move(*at++));
      } else {
        w.host.mmput(e.cpu, std::move(*at++));
      }
    });
  });
  if (returning) give_back(mm.returning.cpu, mm.returning.pid);
}

// ---- CPUs ----------------------------------------------------------------------------------------

void replayer::borrow(mm_story& mm, std::uint16_t cpu, const std::vector<user_ref>& from) {
  auto user = from.begin();
  each([&](world& w) { w.host.borrow(cpu, *user++); });
  the_cpu(cpu).borrowed = mm.id;
}

// CPUs that gave it back while it was alive, which is not recorded, turn out not to have it: the
// recording shows no more of them. Where it ends in the middle of things, the CPU on which the last
// user exits has it.
void replayer::find_lazy_cpus(mm_story& mm, std::uint16_t exiting_on) {
  if (switches_recorded_) return;
  const std::vector<std::uint16_t>& seen = ahead_.returns_of(mm.id);
  for (std::uint16_t i = 0; i < static_cast<std::uint16_t>(cpus_.size()); ++i) {
    if (cpus_[i].borrowed != mm.id) continue;
    if (std::find(seen.begin(), seen.end(), i) != seen.end()) continue;
    if (i == exiting_on && !ahead_.sees_end_of(mm.id)) continue;
    mm.mappings_gone = false;  // it is the living that it gave back
    given_back_unseen(i);
    mm.mappings_gone = true;
  }
}

// One of those that only mm_count told of is this CPU.
void replayer::turn_out_lazy(mm_story& mm, std::uint16_t cpu) {
  if (mm.strangers == 0) return;
  given_back_unseen(cpu);
  --mm.strangers;
  --odd_.strangers;
  each([&](world& w) {
    std::vector<machine::held>& strangers = w.mms[mm.slot].strangers;
    w.host.turn_lazy(cpu, strangers.back());
    strangers.pop_back();
  });
  the_cpu(cpu).borrowed = mm.id;
}

void replayer::give_back(std::uint16_t cpu, std::int32_t pid, machine::place where) {
  cpu_story& c = the_cpu(cpu);
  if (!c.borrowed) return;
  mm_story* const mm = mms_.find(c.borrowed);
  may_end(mm, pid, cpu, where, holder::lazy_cpu,
          [&] { each([&](world& w) { w.host.give_back(cpu, where); }); });
  c.just_returned = std::exchange(c.borrowed, {});
}

// The CPU is seen without it.
void replayer::given_back_unseen(std::uint16_t cpu) {
  cpu_story& c = the_cpu(cpu);
  if (!c.borrowed) return;
  // Returns of the living are not recorded; those of the dead should have been.
  const mm_story* const mm = mms_.find(c.borrowed);
  if (mm == nullptr || mm->mappings_gone) ++odd_.unseen_returns;
  each([&](world& w) { w.host.give_back(cpu); });
  c.borrowed = {};
}

// Dead since before the recording.
void replayer::born_dead(mm_id id, std::uint16_t cpu) {
  mm_story& mm = the_mm(id);
  used_up(mm);
  given_back_unseen(cpu);
  std::vector<user_ref> users;
  each([&](world& w) { users.push_back(std::move(w.mms[mm.slot].other_user)); });
  borrow(mm, cpu, users);
  auto at = users.begin();
  each([&](world& w) { w.host.mmput(cpu, std::move(*at++)); });
}

void replayer::dead_borrow(const event& e) {
  // From one kernel task to the next: no count changes. It may tell of a CPU that we did not know of.
  if (the_cpu(e.cpu).borrowed == e.mm) return;
  if (mm_story* const mm = mms_.find(e.mm)) {
    if (mm->mappings_gone) turn_out_lazy(*mm, e.cpu);
  } else {
    born_dead(e.mm, e.cpu);
  }
}

void replayer::dead_drop(const event& e) {
  cpu_story& cpu = the_cpu(e.cpu);
  const bool told_by_a_switch = cpu.just_returned == e.mm;
  cpu.just_returned = {};
  mm_story* const story = mms_.find(e.mm);
  if (story != nullptr && !story->mappings_gone) {
    story->returning = {row_, now_ns_, e.subject, e.cpu};
  }
  if (told_by_a_switch) return;
  if (cpu.borrowed != e.mm) {
    ++odd_.unknown_returns;
    given_back_unseen(e.cpu);
    if (story == nullptr) {
      born_dead(e.mm, e.cpu);
    } else if (story->mappings_gone) {
      turn_out_lazy(*story, e.cpu);
    }
  }
  if (cpu.borrowed == e.mm) {
    give_back(e.cpu, e.subject);
    cpu.just_returned = {};
  }
}

void replayer::context_switch(const event& e) {
  switches_recorded_ = true;
  cpu_story& cpu = the_cpu(e.cpu);
  cpu.just_returned = {};
  const bool from_kernel = !e.prev_mm;
  if (from_kernel && cpu.borrowed != e.mm) {
    given_back_unseen(e.cpu);
    // It was borrowed before the recording began, or when nobody looked.
    mm_story* const mm = e.mm ? &the_mm(e.mm) : nullptr;
    if (mm != nullptr && has_users(*mm)) {
      each([&](world& w) { w.host.borrow(e.cpu, user_of(w, *mm)); });
      cpu.borrowed = mm->id;
    }
  }
  if (!from_kernel) given_back_unseen(e.cpu);
  if (from_kernel && e.next_mm) {
    give_back(e.cpu, e.subject);
  } else if (!from_kernel && !e.next_mm) {
    mm_story& mm = the_mm(e.prev_mm);
    if (!has_users(mm)) return;
    each([&](world& w) { w.host.borrow(e.cpu, user_of(w, mm)); });
    cpu.borrowed = mm.id;
  }
}

// ---- ends ----------------------------------------------------------------------------------------

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
  const context::level at_most =
      observed_last && end.whose == holder::oom_mm ? context::any : context::process;
  each([&](world& w) {
    mm_holders& holders = w.mms[mm.slot];
    while (!holders.strangers.empty()) {
      const bool last = observed_last && holders.strangers.size() == 1;
      w.host.drop(last ? end.cpu : e.cpu, holders.strangers.back(),
                  last ? end.whose : holders.strangers_are, last ? end.where : where,
                  last ? at_most : context::process);
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
    std::vector<user_ref> references;
    each([&](world& w) { references.push_back(std::move(w.tasks[task.slot].mm)); });
    put_old(*mm, std::move(references));
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
      // free_signal_struct() is called from anywhere, and assumes the worst.
      may_end(mm, e.pid, e.cpu, where, holder::oom_mm, [&] {
        each([&](world& w) {
          w.host.drop(e.cpu, w.oom[group->slot], holder::oom_mm, where, context::any);
        });
      });
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
