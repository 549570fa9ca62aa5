// SPDX-License-Identifier: Apache-2.0
// Who asks to look at programs while they exit. (CVE-2026-46333)
#include "machine/access.hpp"
#include "machine/storm/workload.hpp"

namespace trefoil::machine {

/// ptrace_may_access(), then what pidfd_getfd() would take. The answers are those of a task that is
/// not freed: it was found under RCU.
void workload::attack(unsigned cpu) {
  for (unsigned tries = 0; tries < 64; ++tries) {
    const auto section = machine_.read_lock(cpu);
    const task_contents* const target = pids_.find(attacker_.below(pid_table::size));
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
