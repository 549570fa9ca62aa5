// SPDX-License-Identifier: Apache-2.0
/// @file
/// A place for what a holder keeps that others read: task->exit_mm.
#pragma once

#include <utility>

#include "machine/held.hpp"
#include "trefoil/mm/spinlock.hpp"

namespace trefoil::machine {

/// As a slot (trefoil/slot.hpp), for a reference of which the design chose the type.
///
/// Each look is a lock of a few instructions. Context: `atomic` and above, but for take_unshared().
template <class P>
class basic_held_slot {
  using held = basic_held<P>;

 public:
  /// From now on others see it. What happened before is visible to whoever sees it, or sees what the
  /// caller stores later: so it is published before the slot is cleared that it stands in for.
  /// Returns what was there before.
  [[nodiscard]] held publish(held next) noexcept {
    const typename mm::spinlock<P>::guard locked(lock_);
    return std::exchange(slot_, std::move(next));
  }
  /// The identity of what is there, which every reference keeps; empty if nothing is.
  [[nodiscard]] auto load_identity() const noexcept {
    const typename mm::spinlock<P>::guard locked(lock_);
    return slot_.share_identity();
  }
  /// What is there, for whoever frees the task: nobody else looks any more. Context: any.
  [[nodiscard]] held take_unshared() noexcept { return std::move(slot_); }

 private:
  mutable mm::spinlock<P> lock_;
  held slot_;  // guarded by lock_
};
using held_slot = basic_held_slot<platform>;

}  // namespace trefoil::machine
