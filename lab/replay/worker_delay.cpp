// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/worker_delay.hpp"

#include "lab/recording/sqlite.hpp"
#include "lab/recording/vocabulary.hpp"
#include "machine/histogram.hpp"

#include <unordered_map>
#include <unordered_set>

namespace trefoil::lab {

namespace {

constexpr const char* wanted =
    "SELECT time_ns, kind, mm, task, actor FROM event JOIN place USING (place) "
    "WHERE event <= 2000000 AND kind IN (6, 5, 9, 11, 15, 16) ORDER BY event";
static_assert(name_of(event_kind::exit_mm) == event_names[6] &&
              name_of(event_kind::task_exit) == event_names[5] &&
              name_of(event_kind::mm_free) == event_names[9] &&
              name_of(event_kind::dead_drop) == event_names[11] &&
              name_of(event_kind::task_free) == event_names[15] &&
              name_of(event_kind::oom) == event_names[16]);

}  // namespace

seen_delays delays_seen(const std::string& path, bool preempt_rt) {
  const sqlite::database recording(path, sqlite::mode::read, path);
  sqlite::statement select(recording, wanted);
  std::unordered_map<std::int64_t, std::int64_t> let_go_ns;  // of an mm, the latest
  std::unordered_map<std::int64_t, std::int64_t> mm_of;      // of a task that exits
  std::unordered_set<std::int64_t> victims;                  // tasks
  std::unordered_set<std::int64_t> kept;                     // mms that their groups keep
  machine::histogram by_kworker;
  machine::histogram by_rcu;
  while (select.step()) {
    const std::int64_t now = select.integer(0);
    const std::int64_t mm = select.is_null(2) ? -1 : select.integer(2);
    const std::int64_t task = select.is_null(3) ? -1 : select.integer(3);
    switch (static_cast<event_kind>(select.integer(1))) {
      case event_kind::task_exit:
      case event_kind::exit_mm:
        if (mm >= 0) mm_of[task] = mm;
        if (mm >= 0 && victims.contains(task)) kept.insert(mm);
        break;
      case event_kind::oom: victims.insert(task); break;
      case event_kind::dead_drop: let_go_ns[mm] = now; break;
      case event_kind::task_free: {
        const auto at = mm_of.find(task);
        if (at == mm_of.end()) break;
        // Whichever task of the group is the last.
        if (kept.contains(at->second)) let_go_ns[at->second] = now;
        victims.erase(task);
        mm_of.erase(at);
        break;
      }
      case event_kind::mm_free: {
        const bool victim = kept.erase(mm) != 0;
        const auto at = let_go_ns.find(mm);
        if (at == let_go_ns.end()) break;
        const auto by = static_cast<actor>(select.integer(4));
        if (victim && by == actor::kworker) by_kworker.add(now - at->second);
        const bool callback = by == actor::rcu_kthread || by == actor::ksoftirqd;
        if (preempt_rt && !victim && callback) by_rcu.add(now - at->second);
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
