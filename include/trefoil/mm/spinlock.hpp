// SPDX-License-Identifier: Apache-2.0
/// @file
/// A spin lock whose holder says by its level that teardowns which take the lock must wait.
#pragma once

#include <atomic>

#include "trefoil/context.hpp"
#include "trefoil/mm/lock_class.hpp"

namespace trefoil::mm {

/// A plain spin lock, as Linux's spinlock_t taken without disabling interrupts: never to be taken at
/// level `any`, because the code that was interrupted may hold it.
///
/// A guard opens a scope of level `any`: a last drop under the lock whose teardown would take it
/// again is deferred. That is how "inside pgd_lock: any" is kept without anybody remembering it.
template <class P>
class spinlock {
 public:
  constexpr spinlock() noexcept = default;
  constexpr explicit spinlock(lock_class c) noexcept : class_(c) {}
  spinlock(const spinlock&) = delete;
  spinlock& operator=(const spinlock&) = delete;

  /// Holds the lock, and the level at `any`, while it lives. Context: `atomic` and above.
  class [[nodiscard]] guard {
   public:
    explicit guard(spinlock& lock) noexcept : lock_(told(lock)), below_(context::any) {
      lock_.acquire();
    }
    ~guard() {
      lock_.release();
      note_release<P>(lock_.class_, &lock_);
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;

   private:
    /// Before the level is lowered: a checker wants the level of whoever takes the lock.
    static spinlock& told(spinlock& lock) noexcept {
      note_acquire<P>(lock.class_, &lock);
      return lock;
    }

    spinlock& lock_;
    context::basic_scope<P> below_;  // closes after the lock is released, as it opens before
  };

 private:
  void acquire() noexcept {
    // acquire: pairs with the release of the holder before
    while (held_.exchange(true, std::memory_order_acquire)) {
      while (held_.load(std::memory_order_relaxed)) P::relax();
    }
  }
  void release() noexcept { held_.store(false, std::memory_order_release); }

  typename P::template atomic<bool> held_{false};
  const lock_class class_ = lock_class::other;
};

}  // namespace trefoil::mm
