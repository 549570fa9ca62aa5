// SPDX-License-Identifier: Apache-2.0
/// @file
/// The access check: may somebody of the same user look at a task? (__ptrace_may_access)
#pragma once

#include <cstdint>

#include "machine/task.hpp"

namespace trefoil::machine {

enum class access : std::uint8_t {
  allowed,
  denied,
  failed_open,  ///< allowed, because nothing was found that could have been asked
};

/// The check on a task that has a program: the asker has no capability in the task's user namespace,
/// so dumpability decides. Where the task has no mm any more, what stands in for it is asked: what
/// exit_mm() published, or the exec state. With neither, the old check lets through.
[[nodiscard]] inline access may_access(const task& target) noexcept {
  const auto decide = [](mm::dumpable d) {
    return d == mm::dumpable::user ? access::allowed : access::denied;
  };
  if (target.exec) return decide(target.exec->dumpability());
  if (target.mm) return decide(target.mm.at<identity>().dumpability());
  if (const identity* const who = target.exit_mm.who()) return decide(who->dumpability());
  return access::failed_open;
}

}  // namespace trefoil::machine
