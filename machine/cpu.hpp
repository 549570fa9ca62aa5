// SPDX-License-Identifier: Apache-2.0
/// @file
/// A CPU: an object with a level, a borrowed page directory and teardowns on their way to a worker.
#pragma once

#include "machine/lazy_tlb.hpp"
#include "machine/platform.hpp"
#include "trefoil/context.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil::machine {

/// Stays where it is: the mechanism knows its parts by address.
class cpu {
 public:
  cpu(machine::ledger& notes, take_all_list<platform>& errands, bool lazy_slots)
      : lazy(lazy_slots) {
    processor_.level = &level_;
    processor_.deferred = &deferred_;
    processor_.errands = &errands;
    processor_.ledger = &notes;
  }
  cpu(const cpu&) = delete;
  cpu& operator=(const cpu&) = delete;

  [[nodiscard]] processor& as_processor() noexcept { return processor_; }

  /// active_mm of the kernel task that runs here; empty while a user task runs, or init_mm is loaded.
  lazy_tlb lazy;

  [[nodiscard]] bool has_deferred() const noexcept { return !deferred_.empty(); }
  /// What was deferred here since the last call, oldest first; linked through `next`.
  [[nodiscard]] deferred<platform>* take_deferred() noexcept {
    deferred<platform>* oldest_first = nullptr;
    for (deferred<platform>* n = deferred_.take_if_any(); n != nullptr;) {
      deferred<platform>* const next = n->next.get();
      n->next.set(oldest_first);
      oldest_first = n;
      n = next;
    }
    return oldest_first;
  }

 private:
  context::state<platform> level_;
  take_all_list<platform> deferred_;
  processor processor_;
};

}  // namespace trefoil::machine
