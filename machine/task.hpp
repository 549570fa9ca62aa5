// SPDX-License-Identifier: Apache-2.0
/// @file
/// A task, as far as it holds address spaces.
#pragma once

#include "machine/held_slot.hpp"
#include "trefoil/mm/exec_state.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/slot.hpp"

namespace trefoil::machine {

using exec_ref = ref<mm::exec_state<platform>>;
using namespace_ref = ref<mm::user_namespace<platform>>;

/// | between                       | mm    | exit_mm         | leaving | exec            |
/// | ----------------------------- | ----- | --------------- | ------- | --------------- |
/// | fork ... exit                 | kept  | -               | -       | if the design says so |
/// | exit_mm() ... its mmput()     | -     | as the design says | kept | the same        |
/// | mmput() ... free              | -     | the same        | -       | the same        |
///
/// The slots are for everybody, as long as the task is not freed; `leaving` is the task's own.
/// Over a platform P, as what it holds (held.hpp).
template <class P>
struct basic_task {
  using user_ref = ref<trefoil::mm::address_space<P>, trefoil::mm::mappings<P>>;

  slot<user_ref> mm;           ///< task->mm; empty for kernel threads
  basic_held_slot<P> exit_mm;  ///< published before mm is cleared: who finds no mm finds this
  user_ref leaving;            ///< exit_mm()'s own, until its mmput()
  slot<ref<trefoil::mm::exec_state<P>>>
      exec;  ///< user_ns and dumpability in an object of their own

  /// The task has no mm any more but `leaving`; first it publishes what stands in for it, of which it
  /// keeps as much as the design says. In this order: who finds mm cleared must find the other
  /// (access.hpp). Level `process`. (exit_mm)
  void give_up_mm(kept stand_in) noexcept {
    const basic_held<P> before = exit_mm.publish(basic_held<P>(mm, stand_in));
    leaving = mm.exchange({});
  }
};
struct task : basic_task<platform> {};

}  // namespace trefoil::machine
