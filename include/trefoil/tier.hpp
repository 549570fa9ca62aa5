// SPDX-License-Identifier: Apache-2.0
/// @file
/// A tier: one stage of an object's life. A class that owns its resources; its destructor is its
/// teardown.
///
///     struct page_directory {
///       static constexpr auto teardown = trefoil::context::atomic;  // the level ~page_directory needs
///       explicit page_directory(identity&);                         // the tiers inside it, nearest first
///       ~page_directory();                                          // pgd_free, under pgd_lock
///     };
///
/// | a tier may also declare                            | meaning                                  |
/// | -------------------------------------------------- | ---------------------------------------- |
/// | `static constexpr auto placement = trefoil::placement::outside;` | its storage is its own and goes at its teardown, so that an object whose outer tiers are big is small once they are gone |
/// | `static constexpr bool no_defer = true;`           | its teardown ought never to be deferred: `drop(token)` of a level too low does not compile, a run-time deferral is reported |
/// | `static constexpr bool lazy_pins = true;`          | CPUs may keep it alive without a count (lazy_pin.hpp); one tier of an object at most |
/// | `static constexpr bool per_cpu_count = true;`      | its references are counted per CPU until kill() (kill.hpp) |
/// | `static bool init(Tier&) noexcept;`                | second half of construction that may refuse: false undoes what was built |
///
/// Tiers may point inwards (they are handed references to all tiers inside them), never outwards.
/// A tier that holds a reference to an outer tier of its own object is a cycle, and leaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "trefoil/context.hpp"

namespace trefoil {

/// Where a tier's storage is.
enum class placement : std::uint8_t { inside, outside };

/// The class says which level its teardown needs.
template <class Tier>
concept declares_teardown_level =
    std::is_same_v<std::remove_cv_t<decltype(Tier::teardown)>, context::level>;

namespace detail {

template <class Tier>
consteval placement placement_of() {
  if constexpr (requires { Tier::placement; }) {
    return Tier::placement;
  } else {
    return placement::inside;
  }
}

template <class Tier>
consteval bool marked_no_defer() {
  if constexpr (requires { Tier::no_defer; }) {
    return Tier::no_defer;
  } else {
    return false;
  }
}

template <class Tier>
consteval bool pinned_lazily() {
  if constexpr (requires { Tier::lazy_pins; }) {
    return Tier::lazy_pins;
  } else {
    return false;
  }
}

template <class Tier>
consteval bool counted_per_cpu() {
  if constexpr (requires { Tier::per_cpu_count; }) {
    return Tier::per_cpu_count;
  } else {
    return false;
  }
}

/// Checks a tier and says in words what is wrong with it. Instantiated with every staged object.
template <class Tier>
struct check_tier {
  static_assert(std::is_class_v<Tier>,
                "trefoil: a tier is a class, not a reference, pointer or number");
  static_assert(
      std::is_same_v<Tier, std::remove_cv_t<Tier>>,
      "trefoil: a tier is not const or volatile; ref<const T, Tier> gives constant access");
  static_assert(declares_teardown_level<Tier>,
                "trefoil: a tier declares the level its teardown needs, as "
                "'static constexpr auto teardown = trefoil::context::any' (or atomic, or process)");
  static_assert(std::is_nothrow_destructible_v<Tier>,
                "trefoil: a tier's destructor is its teardown; it must be accessible and noexcept");
  static_assert(!std::is_abstract_v<Tier>,
                "trefoil: a tier is constructed in place; it cannot be abstract");
  static constexpr bool passed = true;
};

template <class Tier, class... Tiers>
inline constexpr std::size_t count_of = (std::size_t{std::is_same_v<Tier, Tiers>} + ... + 0U);

/// Position of Tier among Tiers; their number if it is not among them.
template <class Tier, class... Tiers>
consteval std::size_t index_of() {
  std::size_t at = 0;
  const bool found = ((std::is_same_v<Tier, Tiers> || (++at, false)) || ...);
  return found ? at : sizeof...(Tiers);
}

template <std::size_t I, class First, class... Rest>
struct nth : nth<I - 1, Rest...> {};
template <class First, class... Rest>
struct nth<0, First, Rest...> {
  using type = First;
};

}  // namespace detail

/// What a class must be to serve as a tier.
template <class Tier>
concept tier = std::is_class_v<Tier> && std::is_same_v<Tier, std::remove_cv_t<Tier>> &&
               declares_teardown_level<Tier> && std::is_nothrow_destructible_v<Tier> &&
               !std::is_abstract_v<Tier>;

}  // namespace trefoil
