// SPDX-License-Identifier: Apache-2.0
// Who asks to look at programs while they exit. (CVE-2026-46333)
#include <chrono>
#include <thread>

#include "machine/access.hpp"
#include "machine/storm/workload.hpp"

namespace trefoil::machine {

/// All processes are to be met, so attempts keep pace with births, as births do with attempts.
bool workload::ahead() const noexcept {
  const std::uint64_t born = born_.load(std::memory_order_relaxed);
  if (born >= size_.processes) return false;
  constexpr std::uint64_t slack =
      8;  // births that may wait for it, so that it need not wait for each
  const std::uint64_t share = size_.attempts * (born + slack) / size_.processes;
  return figures_.attempts > static_cast<std::int64_t>(share);
}

/// A task to look at: any but init, if there is another. Under RCU.
const task_contents* workload::somebody(chance& random) const noexcept {
  const task_contents* init = nullptr;
  const std::uint32_t from = random.below(pid_table::size);
  for (std::uint32_t i = 0; i < pid_table::size; ++i) {
    const task_contents* const t = pids_.find(from + i);
    if (t == nullptr) continue;
    if (!t->group().is_init()) return t;
    init = t;
  }
  return init;
}

/// ptrace_may_access(), then what pidfd_getfd() would take. The answers are those of a task that is
/// not freed: it was found under RCU.
void workload::attack(unsigned cpu) {
  if (ahead()) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    return;
  }
  for (unsigned tries = 0; tries < 16; ++tries) {
    const auto section = machine_.read_lock(cpu);
    const task_contents* const target = somebody(attacker_);
    if (target == nullptr) continue;
    // Whether the answer comes after exit_mm() is asked first: once so, it stays so.
    const bool after_exit = target->mms.mm.empty();
    const access answer = may_access(target->mms);
    ++figures_.attempts;
    switch (answer) {
      case access::allowed: ++figures_.allowed; break;
      case access::denied:
        ++figures_.denied;
        if (after_exit) ++figures_.denied_after_exit;
        break;
      case access::failed_open:
        ++figures_.failed_open;
        if (target->has_files.load(std::memory_order_acquire)) ++figures_.descriptors_stolen;
        break;
    }
  }
}

}  // namespace trefoil::machine
