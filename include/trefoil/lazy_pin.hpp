// SPDX-License-Identifier: Apache-2.0
/// @file
/// Lazy pins: how a CPU keeps an object's tier alive without counting. One slot per CPU, written by
/// plain stores; the count is not touched, so nothing is contended, whatever the number of CPUs.
///
///     struct page_directory {
///       static constexpr auto teardown = trefoil::context::atomic;
///       static constexpr bool lazy_pins = true;            // the tier says that it can be pinned
///       ...
///     };
///
///     trefoil::lazy_pin<mm> active;     // one for each CPU, or thread, as long as that is up
///     active.borrow(user);              // to a kernel thread: the page tables stay loaded
///     user.drop();                      // perhaps the last: they stay all the same
///     active->pgd;
///     active.give_back();               // to the next user task: torn down now, if it was the last
///
/// | operation    | precondition                                         | cost                             |
/// | ------------ | ---------------------------------------------------- | -------------------------------- |
/// | borrow       | a counted reference that keeps the tier; it may be dropped, by anybody, afterwards | a release store and two loads |
/// | give_back    |                                                      | a release store and a load       |
/// | the last counted drop of an object that was ever pinned |           | a load for each slot             |
///
/// What a CPU has pinned is torn down by that CPU, when it gives back, at the level it is at there.
/// If it misses it (an object that comes to it at that very moment) or sleeps on, the reclaimer looks
/// again, within 64 ms (`polled`: with the next poll). Linux's lazy TLB has the same life: a switch to
/// a kernel thread borrows the active mm, the next switch to a user task gives it back
/// (context_switch, finish_task_switch); there each borrow is an increment of mm_count.
///
/// For what is held while other work is done, not for long lists of objects (one slot, one object),
/// and not for objects that are found without a reference (findable.hpp): what is pinned must be held
/// first. That is what distinguishes it from a hazard pointer, and why it needs no fence.
///
/// In the child of a fork() the pins of threads that are not there stay. After worker::shutdown() what
/// a CPU misses waits for the next flush() or help().
#pragma once

#include <cstddef>
#include <type_traits>

#include "trefoil/access.hpp"
#include "trefoil/lazy_slots.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil {

namespace detail {

template <class T, std::size_t K = 0>
consteval std::size_t index_of_lazy_tier() {
  if constexpr (K == facts<T>::size) {
    return K;
  } else {
    return pinned_lazily<typename facts<T>::template tier<K>>() ? K
                                                                : index_of_lazy_tier<T, K + 1>();
  }
}

}  // namespace detail

/// One of T's tiers declares `lazy_pins`.
template <class T>
concept has_lazy_tier =
    staged_object<T> && (detail::index_of_lazy_tier<T>() < detail::facts<T>::size);

/// The tier of T that can be pinned.
template <has_lazy_tier T>
using lazy_tier = typename detail::facts<T>::template tier<detail::index_of_lazy_tier<T>()>;

/// What one CPU pins: nothing, or the lazy tier of one object. Belongs to that CPU: its calls are not
/// made by two threads at once, nor by handlers that interrupt them.
template <class T>
class lazy_pin {
  static_assert(has_lazy_tier<T>,
                "trefoil: none of T's tiers declares 'static constexpr bool lazy_pins = true'");
  static_assert(!std::is_const_v<T>, "trefoil: a lazy_pin is of the object's own type");

  using Tier = lazy_tier<T>;
  using slots = detail::lazy_slots<T>;

 public:
  using object_type = T;
  using tier_type = Tier;

  /// Takes a slot. If there is no memory for one, borrow() counts instead. Level: `process`.
  lazy_pin() noexcept : slot_(slots::take()) {}
  /// It has no slot, for lack of memory: it counts, as a reference does. Context: any. Cost: a
  /// comparison.
  [[nodiscard]] bool counts() const noexcept { return slot_ == nullptr; }
  lazy_pin(const lazy_pin&) = delete;
  lazy_pin& operator=(const lazy_pin&) = delete;
  /// Gives back what is pinned, then the slot. As give_back().
  ~lazy_pin() {
    give_back();
    if (slot_ != nullptr) slots::give_up(*slot_);
  }

  /// Pins what a reference keeps, and gives back what was pinned here before. An empty reference
  /// pins nothing. The reference is not used after the call; what it keeps stays alive until the next
  /// borrow() or give_back(), whoever drops it.
  /// Context: any, on the pin's own CPU. Order: release, for what it gives back. May tear down as
  /// give_back() does.
  template <class Held>
    requires kept_alive_by<Tier, T, Held>
  void borrow(const ref<T, Held>& held) noexcept {
    if (held == nullptr) return give_back();
    if (slot_ != nullptr) [[likely]] {
      slots::pin(*slot_, detail::access::pinned(*held.address()));
    } else {
      counted_ = detail::access::share<Tier>(held);
    }
  }

  /// Pins nothing any more. If nothing else keeps the tier it is torn down here, or where the level
  /// here sends it; likewise what came to this CPU before. Context: any, on the pin's own CPU. Order:
  /// release.
  void give_back() noexcept {
    if (slot_ != nullptr) [[likely]] {
      slots::unpin(*slot_);
    } else {
      counted_.drop();
    }
  }

  /// Looks whether something has come to this CPU that it does not pin any more, and tears it down.
  /// Returns how many. For a CPU that has been idle. Context: any, on the pin's own CPU.
  std::size_t help() noexcept { return slot_ == nullptr ? 0 : slots::serve(*slot_); }

  // ---- access --------------------------------------------------------------------------------------

  /// Something is pinned. Cost, here and below: a load from the slot.
  [[nodiscard]] explicit operator bool() const noexcept { return object() != nullptr; }
  /// The object, or null; for comparison.
  [[nodiscard]] const T* address() const noexcept { return object(); }

  /// Precondition, here and below: something is pinned.
  [[nodiscard]] Tier* operator->() const noexcept { return &at<Tier>(); }
  [[nodiscard]] Tier& operator*() const noexcept { return at<Tier>(); }
  /// The pinned tier, or one inside it.
  template <class Kept>
    requires kept_alive_by<Kept, T, Tier>
  [[nodiscard]] Kept& at() const noexcept {
    return *detail::access::tier<T, Kept>(object());
  }

  /// A counted reference to a tier inside the pinned one. Context: any. One compare-exchange.
  template <class Lower>
    requires inside_of<Lower, T, Tier>
  [[nodiscard]] ref<T, Lower> share() const noexcept {
    T* const o = object();
    const bool got = detail::access::mint<T, Lower>(*o);
    return detail::access::wrap<T, Lower>(got ? o : nullptr);
  }
  /// A counted reference to the pinned tier or one outside it, unless the last one is gone: then
  /// empty. Context: any; lock-free. Order: acquire on success.
  template <class Higher>
    requires(tier_of<Higher, T> && !inside_of<Higher, T, Tier>)
  [[nodiscard]] ref<T, Higher> promote() const noexcept {
    T* const o = object();
    const bool got = detail::access::try_get<T, Higher>(*o);
    return detail::access::wrap<T, Higher>(got ? o : nullptr);
  }

 private:
  /// What the slot says, and nothing beside it: a borrow has one thing to write.
  [[nodiscard]] T* object() const noexcept {
    if (slot_ == nullptr) [[unlikely]]
      return counted_.address();
    return detail::access::object_of<T>(slots::pinned(*slot_));
  }

  typename slots::slot* slot_;
  ref<T, Tier> counted_;  // without a slot
};

}  // namespace trefoil
