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

/// Where the answer came from.
enum class asked : std::uint8_t { exec_state, mm, exit_mm, nobody };

struct verdict {
  access answer;
  asked whom;
};

/// The check on a task that has a program: the asker has no capability in the task's user namespace,
/// so dumpability decides. Where the task has no mm any more, what stands in for it is asked: what
/// exit_mm() published, or the exec state. With neither, the old check lets through.
///
/// Context: `atomic` and above, on any CPU, whatever the task is doing meanwhile; the caller sees to
/// it that the task is not freed. Order: mm first. Its slot is cleared, by a release, after exit_mm
/// was published; so whoever finds it cleared, by an acquire, finds exit_mm.
template <class P>
[[nodiscard]] verdict ask(const basic_task<P>& target) noexcept {
  const auto decide = [](mm::dumpable d) {
    return d == mm::dumpable::user ? access::allowed : access::denied;
  };
  if (const auto state = target.exec.load())
    return {decide(state->dumpability()), asked::exec_state};
  if (const auto who = target.mm.template load<mm::identity<P>>())
    return {decide(who->dumpability()), asked::mm};
  if (const auto who = target.exit_mm.load_identity())
    return {decide(who->dumpability()), asked::exit_mm};
  return {access::failed_open, asked::nobody};
}
template <class P>
[[nodiscard]] access may_access(const basic_task<P>& target) noexcept {
  return ask(target).answer;
}

}  // namespace trefoil::machine
