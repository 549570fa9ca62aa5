// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/worker_delay.hpp"

#include "machine/histogram.hpp"

#include <unordered_map>
#include <unordered_set>

namespace trefoil::lab {

namespace {

constexpr std::int64_t looked_at = 2'000'000;  // events

}  // namespace

seen_delays delays_seen(recording_reader& recording) {
  const bool preempt_rt = recording.machine().preempt_rt.value.value_or(false);
  std::unordered_map<mm_id::number, std::int64_t> let_go_ns;  // of an mm, the latest
  std::unordered_map<task_id::number, mm_id::number> mm_of;   // of a task that exits
  std::unordered_set<task_id::number> victims;
  std::unordered_set<mm_id::number> kept;  // mms that their groups keep
  machine::histogram by_kworker;
  machine::histogram by_rcu;
  for (event e; recording.row() < looked_at && recording.next(e);) {
    const mm_id::number mm = e.mm.value();
    const task_id::number task = e.task.value();
    switch (e.kind) {
      case event_kind::task_exit:
      case event_kind::exit_mm:
        if (e.mm) mm_of[task] = mm;
        if (e.mm && victims.contains(task)) kept.insert(mm);
        break;
      case event_kind::oom: victims.insert(task); break;
      case event_kind::dead_drop: let_go_ns[mm] = e.time_ns; break;
      case event_kind::task_free: {
        const auto at = mm_of.find(task);
        if (at == mm_of.end()) break;
        // Whichever task of the group is the last.
        if (kept.contains(at->second)) let_go_ns[at->second] = e.time_ns;
        victims.erase(task);
        mm_of.erase(at);
        break;
      }
      case event_kind::mm_free: {
        const bool victim = kept.erase(mm) != 0;
        const auto at = let_go_ns.find(mm);
        if (at == let_go_ns.end()) break;
        if (victim && e.who == actor::kworker) by_kworker.add(e.time_ns - at->second);
        const bool callback = e.who == actor::rcu_kthread || e.who == actor::ksoftirqd;
        if (preempt_rt && !victim && callback) by_rcu.add(e.time_ns - at->second);
        let_go_ns.erase(at);
        break;
      }
      default: break;
    }
  }
  const auto median = [](const machine::histogram& of) -> std::optional<std::int64_t> {
    if (of.count() == 0) return std::nullopt;
    return static_cast<std::int64_t>(of.percentile(50));
  };
  return {median(by_kworker), median(by_rcu)};
}

}  // namespace trefoil::lab
