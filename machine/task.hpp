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

/// | between                       | mm    | exit_mm         | leaving | exec            |
/// | ----------------------------- | ----- | --------------- | ------- | --------------- |
/// | fork ... exit                 | kept  | -               | -       | if the design says so |
/// | exit_mm() ... its mmput()     | -     | as the design says | kept | the same        |
/// | mmput() ... free              | -     | the same        | -       | the same        |
///
/// The slots are for everybody, as long as the task is not freed; `leaving` is the task's own.
struct task {
  slot<user_ref> mm;    ///< task->mm; empty for kernel threads
  held_slot exit_mm;    ///< published before mm is cleared: who finds no mm finds this
  user_ref leaving;     ///< exit_mm()'s own, until its mmput()
  slot<exec_ref> exec;  ///< user_ns and dumpability in an object of their own
};

}  // namespace trefoil::machine
