// SPDX-License-Identifier: Apache-2.0
// Exit, in the kernel's order; the OOM killer and its reaper.
#include <utility>

#include "machine/storm/workload.hpp"

namespace trefoil::machine {

/// Until here there is something to steal. The last thread's closes what the process has open.
void workload::exit_files(unsigned cpu, task_contents& me) {
  me.has_files.store(false, std::memory_order_release);
  // acq_rel: who closes sees what the others have opened
  if (me.group().running.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<files> mine = me.group().close_files();
  for (file f; mine->take(0, f);) close(cpu, f);
}

/// The parent has waited for it. (release_task, delayed_put_task_struct)
void workload::release(unsigned cpu, task_ref& me) {
  pids_.remove(*me);
  rcu_callback& freed = me->freed;
  freed.whose = this;
  freed.about = std::move(me).detach();
  // NOLINTNEXTLINE(bugprone-exception-escape): see free_task()
  machine_.call_rcu(cpu, freed, [](rcu_callback& c, unsigned here) noexcept {
    static_cast<workload*>(c.whose)->free_task(here, task_ref::adopt(c.about));
  });
}

/// In a softirq. (__put_task_struct, free_signal_struct)
/// CPUs are all there since the machine was made: none is added here, which alone could throw.
// NOLINTNEXTLINE(bugprone-exception-escape)
void workload::free_task(unsigned cpu, task_ref task) noexcept {
  machine_.free_task(cpu, task->mms, place::rcu_callback);
  process_contents& group = task->group();
  // acq_rel: the last one sees what was published for the others
  if (group.tasks.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    held oom_mm = group.oom_mm.take_unshared();
    machine_.drop(cpu, oom_mm, holder::oom_mm, place::rcu_callback);
  }
  machine_.run_at(cpu, place::rcu_callback, [&] { task.drop(); });
  --alive_;
}

/// As many by now as there should be, of those at the end.
bool workload::oom_kill_is_due() const noexcept {
  const auto wanted = born_.load(std::memory_order_relaxed) * size_.oom_kills() / size_.processes;
  return figures_.oom_kills < static_cast<std::int64_t>(wanted);
}

/// Marks a victim: its address space stays named for as long as the process is not freed, for the
/// reaper and whoever asks; and everybody who shares it dies with it. (mark_oom_victim,
/// __oom_kill_process)
void workload::out_of_memory(unsigned cpu, task_contents& me) {
  const auto section = machine_.read_lock(cpu);
  task_contents* victim = pids_.find(me.life.below(pid_table::size));
  if (victim == nullptr || victim->group().is_init()) victim = &me;
  held kept = machine_.hold(holder::oom_mm, victim->mms.mm);
  const identity_ref who = victim->mms.mm.load<identity>();
  if (!kept || !who || victim->group().oom_victim.exchange(true, std::memory_order_relaxed)) {
    machine_.drop(cpu, kept, holder::oom_mm, place::task);
    return;
  }
  const held none = victim->group().oom_mm.publish(std::move(kept));
  ++figures_.oom_kills;
  victim->group().killed.store(true, std::memory_order_relaxed);
  for (std::uint32_t pid = 0; pid < pid_table::size; ++pid) {
    const task_contents* const other = pids_.find(pid);
    // The same by identity: no address is used again while we hold it. (process_shares_mm)
    if (other != nullptr && other->mms.mm.load<identity>() == who)
      other->group().killed.store(true, std::memory_order_relaxed);
  }
  machine_.queue_work([this, who](unsigned) { reap(*who); });
}

/// Somebody who does not want to wait for a dying process. (process_mrelease)
void workload::process_mrelease(unsigned cpu, task_contents& me) {
  identity_ref who;
  {
    const auto section = machine_.read_lock(cpu);
    const task_contents* const dying = pids_.find(me.life.below(pid_table::size));
    if (dying == nullptr || !dying->group().killed.load(std::memory_order_relaxed)) return;
    who = dying->mms.mm.load<identity>();
  }
  if (who) reap(*who);
}

/// By identity alone: what it walks is kept by a handshake, not by a count. (oom_reap_task_mm)
void workload::reap(identity& victim) {
  const mm::reap_result done = victim.reap();
  if (done.reaped) ++figures_.reaped;
  figures_.pages_reaped += static_cast<std::int64_t>(done.pages);
}

}  // namespace trefoil::machine
