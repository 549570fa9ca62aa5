// SPDX-License-Identifier: Apache-2.0
/// @file
/// A place for a reference that several threads read and write (task->mm, exit_mm, active_mm).
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "trefoil/access.hpp"
#include "trefoil/context.hpp"
#include "trefoil/findable.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil {

/// Holds one reference, or none.
///
/// |               | objects in general                        | findable objects                     |
/// | ------------- | ----------------------------------------- | ------------------------------------ |
/// | `load()`      | copy under a one-bit spin lock            | lock-free: acquire, then look again  |
/// | `exchange()`  | swap under that lock                      | one atomic exchange                  |
/// | level         | `atomic` or `process`; at `any` refused (`slot_at_any`) | any                    |
///
/// The lock is held for one count operation, never during a teardown: what an exchange gives back is
/// dropped by its caller. It is a spin lock: a real-time thread that shares a slot with threads of
/// lower priority uses findable objects.
template <class R>
class slot;

template <class T, class Tier>
class slot<ref<T, Tier>> {
  using object = std::remove_const_t<T>;
  using P = detail::access::platform_of<object>;
  static constexpr bool lock_free = findable<object>;
  static constexpr std::uintptr_t locked = 1;

 public:
  using value_type = ref<T, Tier>;

  constexpr slot() noexcept = default;
  explicit slot(value_type initial) noexcept : word_(bits(std::move(initial))) {}
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;

  /// Drops what it holds. As every destructor: nobody else may be using the slot, and whoever has
  /// used it has synchronised with this thread since.
  ~slot() {
    // relaxed: ordered by what made the slot ours to end
    value_type last = detail::access::wrap<T, Tier>(pointer(word_.load(std::memory_order_relaxed)));
  }

  /// A reference to what the slot holds now, empty if nothing. `load<Lower>()`: one to a tier inside,
  /// with a single count operation. Order: acquire; what happened before the store is visible.
  /// Of findable objects it may take and give back a reference that turns out stale; as any drop,
  /// that may be a last one: under a lock that the teardown takes, open a scope.
  template <class Kept = Tier>
    requires kept_alive_by<Kept, T, Tier>
  [[nodiscard]] ref<T, Kept> load() const noexcept {
    if constexpr (lock_free) {
      return find<Kept>();
    } else {
      if (refused()) return {};
      const std::uintptr_t held = lock();
      object* const o = pointer(held);
      if (o != nullptr) detail::access::get<object, Kept>(*o);
      unlock(held);
      return detail::access::wrap<T, Kept>(o);
    }
  }

  /// Puts a reference in and returns the one it replaces. If refused (level `any`), returns the
  /// argument. Order: acquire and release.
  [[nodiscard]] value_type exchange(value_type next) noexcept {
    if constexpr (lock_free) {
      return detail::access::wrap<T, Tier>(
          pointer(word_.exchange(bits(std::move(next)), std::memory_order_acq_rel)));
    } else {
      if (refused()) return next;
      object* const old = pointer(lock());
      unlock(bits(std::move(next)));
      return detail::access::wrap<T, Tier>(old);
    }
  }

  /// exchange(), and drops the old reference: outside the lock, inline or deferred as any drop.
  void store(value_type next) noexcept { exchange(std::move(next)).drop(); }
  void clear() noexcept { store({}); }

  /// Takes out what it holds, for whoever is alone with the slot, as for its destructor: nobody else
  /// may be using it, and whoever has used it has synchronised with this thread since. No lock, hence
  /// context any.
  [[nodiscard]] value_type take_unshared() noexcept {
    // relaxed, twice: ordered by what made the slot ours alone
    object* const last = pointer(word_.load(std::memory_order_relaxed));
    word_.store(0, std::memory_order_relaxed);
    return detail::access::wrap<T, Tier>(last);
  }

  /// Whether it holds nothing at this moment. Context: any.
  [[nodiscard]] bool empty() const noexcept {
    return pointer(word_.load(std::memory_order_relaxed)) == nullptr;
  }

 private:
  static std::uintptr_t bits(value_type r) noexcept {
    return reinterpret_cast<std::uintptr_t>(detail::access::release(std::move(r)));
  }
  static object* pointer(std::uintptr_t word) noexcept {
    return reinterpret_cast<object*>(word & ~locked);
  }

  /// A handler may have interrupted the holder of the lock: it would spin for ever.
  [[nodiscard]] bool refused() const noexcept {
    if (P::state().here() != context::any) [[likely]]
      return false;
    P::report(misuse::slot_at_any, this);
    return true;
  }

  /// Returns the word without the lock bit. acquire: pairs with the release of unlock().
  std::uintptr_t lock() const noexcept {
    for (;;) {
      std::uintptr_t seen = word_.load(std::memory_order_relaxed);
      if ((seen & locked) == 0 &&
          word_.compare_exchange_weak(seen, seen | locked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return seen;
      }
      P::relax();
    }
  }
  void unlock(std::uintptr_t word) const noexcept { word_.store(word, std::memory_order_release); }

  /// The address may be stale by the time its tier is acquired: then the slot holds another, or the
  /// same one again, which is as good.
  template <class Kept>
  [[nodiscard]] ref<T, Kept> find() const noexcept {
    for (;;) {
      const std::uintptr_t seen = word_.load(std::memory_order_acquire);
      object* const o = pointer(seen);
      if (o == nullptr) return {};
      if (detail::access::try_get<object, Kept>(*o)) {
        ref<T, Kept> found = detail::access::wrap<T, Kept>(o);
        if (word_.load(std::memory_order_acquire) == seen) return found;
      } else if (word_.load(std::memory_order_acquire) == seen) {
        P::relax();  // between its exchange and our look the holder's reference went: look again
      }
    }
  }

  // A pointer to the object; its lowest bit is the lock.
  mutable typename P::template atomic<std::uintptr_t> word_{0};
};

}  // namespace trefoil
