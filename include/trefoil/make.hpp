// SPDX-License-Identifier: Apache-2.0
/// @file
/// Birth of staged objects: make, try_make, and references for code inside a tier.
#pragma once

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

#include "trefoil/access.hpp"
#include "trefoil/attributes.hpp"
#include "trefoil/construction.hpp"
#include "trefoil/context.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil {

/// Why make() failed.
enum class make_failure : unsigned char {
  memory,   ///< the storage has none, or none at hand at this level
  backlog,  ///< the reclaimer's limit of pending teardowns is reached (at_limit::fail)
  refused,  ///< a tier's init said no
};

#if defined(__cpp_exceptions)
/// What make() throws. Derived from std::bad_alloc, so that callers who only know that one cope.
class make_failed : public std::bad_alloc {
 public:
  explicit make_failed(make_failure why) noexcept : why_(why) {}
  [[nodiscard]] make_failure why() const noexcept { return why_; }
  [[nodiscard]] const char* what() const noexcept override {
    switch (why_) {
      case make_failure::memory: return "trefoil: out of memory";
      case make_failure::backlog: return "trefoil: too many teardowns pending";
      case make_failure::refused: return "trefoil: a tier refused to be initialised";
    }
    return "trefoil: make failed";
  }

 private:
  make_failure why_;
};
#endif

namespace detail {

template <class T, class... Args>
[[nodiscard]] TREFOIL_ALWAYS_INLINE T* make_or_say_why(make_failure& why, Args&&... args) {
  using P = access::platform_of<T>;
  using R = typename facts<T>::traits::reclaimer;
  const context::level here = P::state().here();
  if constexpr (T::may_defer && R::defers) {
    if (here == context::process) [[likely]] {
      if (!R::admit()) [[unlikely]] {
        why = make_failure::backlog;
        return nullptr;
      }
    }
  }
  bool refused = false;
  T* const o = access::build<T>(here, refused, std::forward<Args>(args)...);
  if (o == nullptr) [[unlikely]]
    why = refused ? make_failure::refused : make_failure::memory;
  return o;
}

/// The end of a make() that failed.
[[noreturn]] TREFOIL_COLD inline void give_up([[maybe_unused]] make_failure why) {
#if defined(__cpp_exceptions)
  throw make_failed(why);
#else
  __builtin_trap();
#endif
}

}  // namespace detail

/// A new object, all tiers constructed, innermost first; empty if there is no memory, the
/// reclaimer's limit says no, or a tier's init refuses. If a constructor throws: empty, too. Tiers
/// already built are torn down in order. Objects with a key (findable.hpp) take it as the first
/// argument; the others are those of the tiers (construction.hpp).
/// Level: `process`; at `atomic` only from memory at hand; at `any` always empty.
template <staged_object T, class... Args>
  requires(!std::is_const_v<T>)
[[nodiscard]] ref<T, outermost_tier<T>> try_make(Args&&... args) noexcept {
  make_failure why{};
#if defined(__cpp_exceptions)
  try {
    return detail::access::wrap<T, outermost_tier<T>>(
        detail::make_or_say_why<T>(why, std::forward<Args>(args)...));
  } catch (...) { return {}; }
#else
  return detail::access::wrap<T, outermost_tier<T>>(
      detail::make_or_say_why<T>(why, std::forward<Args>(args)...));
#endif
}

/// The same, never empty: throws make_failed, or what a constructor throws. Without exceptions, a
/// failure ends the program with a trap.
template <staged_object T, class... Args>
  requires(!std::is_const_v<T>)
[[nodiscard]] TREFOIL_ALWAYS_INLINE ref<T, outermost_tier<T>> make(Args&&... args) {
  make_failure why{};
  T* const made = detail::make_or_say_why<T>(why, std::forward<Args>(args)...);
  if (made == nullptr) [[unlikely]]
    detail::give_up(why);
  return detail::access::wrap<T, outermost_tier<T>>(made);
}

/// A reference for code inside a tier that has `*this` and no reference: to that tier or, from an
/// outer tier's code, to one inside it. Legal wherever the part itself is known to be alive: in
/// calls made through a reference, in constructors and destructors of tiers outside it. Empty if
/// the tier is dead, as for a destructor's own.
/// NOT for third parties that come across a part, in a list of their own, say: its unique owner may
/// be closing it at that moment, by a plain store. They need a findable object (findable.hpp).
/// Context: any. One compare-exchange.
template <staged_object T, class Tier>
  requires(tier_of<Tier, T> && !std::is_const_v<T>)
[[nodiscard]] ref<T, Tier> ref_from_tier(Tier& part) noexcept {
  T* const o = detail::access::around<T>(part);
  return detail::access::wrap<T, Tier>(detail::access::mint<T, Tier>(*o) ? o : nullptr);
}

/// Gives the memory of dead objects of T's size, and of T's tiers outside, back to the platform; returns
/// the bytes. Level: `process` (else misuse::trim_refused, and 0). O(free blocks). See pool.hpp; for
/// findable objects the caller guarantees that no finder holds a stale pointer any more.
template <staged_object T>
std::size_t trim() noexcept {
  return detail::access::trim<std::remove_const_t<T>>();
}

/// What the pool of T's size holds; see memory/figures.hpp. All types of one size share a pool.
/// Level: `process` for exact numbers; see pool::figures(). Only for storages that tell.
template <staged_object T>
[[nodiscard]] pool_figures memory_figures() noexcept {
  return detail::access::figures<std::remove_const_t<T>>();
}
/// The same of the pool in which T's tiers of that kind are; they are placed outside.
template <staged_object T, class Tier>
  requires tier_of<Tier, T>
[[nodiscard]] pool_figures memory_figures() noexcept {
  return detail::access::figures<std::remove_const_t<T>, Tier>();
}

}  // namespace trefoil
