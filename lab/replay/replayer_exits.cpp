// SPDX-License-Identifier: Apache-2.0
// The replayer: how tasks leave their address spaces, and who is left when the last user goes.
#include "lab/replay/replayer.hpp"

#include <algorithm>
#include <string_view>
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

}  // namespace

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
  put_old(mm, cpu, from_each([&](world& w) { return std::move(w.tasks[task.slot].leaving); }));
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
user_refs replayer::last_users(mm_story& mm, const event& e) {
  task_story* task = current(e);
  if (task == nullptr && e.who == actor::user_exiting && e.pid > 0) {
    task = &tasks_.add();  // its name comes with its task_exit
    ++odd_.born_before_tasks;
    make_room();
    has_pid(*task, e.pid);
  }
  user_refs last;
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
  const auto take = [&](user_refs references) {
    if (last.empty()) {
      last = std::move(references);
    } else {
      put(e.cpu, std::move(references));
    }
  };
  if (mm.leaving != no_slot) {
    task_story& leaving = tasks_[std::exchange(mm.leaving, no_slot)];
    leaving.leaving = {};
    take(from_each([&](world& w) { return std::move(w.tasks[leaving.slot].leaving); }));
  }
  // Whoever else is a user here has let go unseen.
  while (!mm.tasks.empty()) {
    task_story& other = tasks_[mm.tasks.back()];
    leave(other);
    take(from_each([&](world& w) { return w.tasks[other.slot].mm.exchange({}); }));
  }
  if (mm.nascent || mm.other_user) {
    used_up(mm);
    take(from_each([&](world& w) { return std::move(w.mms[mm.slot].other_user); }));
  }
  return last;
}

// mm_count says that there are holders whose taking the recording does not show.
bool replayer::meet_strangers(mm_story& mm, const event& e, const user_refs& users) {
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
  if (unknown <= 0) return false;
  const route_id end = ahead_.end_of(mm.id);
  const std::string_view route = end ? words_.routes.text(end) : std::string_view{};
  // A file that is closed at the end was open before the last user went: it is one of them.
  const bool file = !route.empty() && !is_of_an_observed_holder(route);
  const return_under_way& last = mm.returning;
  // A CPU that runs this exit has had time for what it was seen to begin.
  const bool under_way = unknown > (file ? 1 : 0) && last.row != 0 && last.cpu != e.cpu &&
                         row_ - last.row <= most_events_between &&
                         now_ns_ - last.time_ns <= most_ns_between;
  if (under_way) {
    given_back_unseen(last.cpu);
    borrow(mm, last.cpu, users);
    --unknown;
  }
  if (unknown <= 0) return under_way;
  const bool from_proc = route.find("/proc") != std::string_view::npos;
  const holder kind = from_proc ? holder::proc_handle : holder::struct_only;
  mm.strangers = static_cast<std::uint32_t>(unknown);
  odd_.strangers += unknown;
  each(users, [&](world& w, const user_ref& user) {
    mm_holders& holders = w.mms[mm.slot];
    holders.strangers_are = kind;
    for (std::int64_t i = 0; i < unknown; ++i) {
      holders.strangers.push_back(w.host.hold(kind, user));
    }
  });
  return under_way;
}

void replayer::exit_mmap(const event& e) {
  mm_story& mm = the_mm(e.mm);
  user_refs users = last_users(mm, e);
  find_lazy_cpus(mm, e.cpu);  // as it was while it lived
  mm.mappings_gone = true;
  if (users.empty()) return;
  const bool returning = meet_strangers(mm, e, users);
  // A kworker ends mappings for somebody who could not: mmput_async.
  const bool for_another = e.who == actor::kworker;
  const teardowns_so_far before = before_a_drop();
  each(users, [&](world& w, user_ref& user) {
    if (for_another) {
      w.host.mmput_async_now(e.cpu, std::move(user));
    } else {
      w.host.mmput(e.cpu, std::move(user));
    }
  });
  after_a_drop(before, &mm,
               {.pid = e.pid, .cpu = e.cpu, .where = machine::place::task, .whose = holder::user});
  if (returning) give_back(mm.returning.cpu, mm.returning.pid);
}

}  // namespace trefoil::lab
