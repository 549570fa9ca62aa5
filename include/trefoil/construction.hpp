// SPDX-License-Identifier: Apache-2.0
/// @file
/// How the tiers of an object get their constructor arguments.
///
///     make<mm>(user_ns)                                    // plain arguments: the innermost tier
///     make<mm>(user_ns, with<mappings>(arena, limit))      // others by name
///     make<mm>(with<identity>(user_ns), with<mappings>(arena, limit))
///
/// A tier's constructor takes the tiers inside it, nearest first (all of them, or as many as it
/// cares for), then its own arguments: `mappings(page_directory&, identity&, arena&, limit)`.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "trefoil/tier.hpp"

namespace trefoil {

/// Constructor arguments for one tier; see with().
template <class Tier, class Apply>
struct tier_arguments {
  using tier_type = Tier;
  Apply apply;  // calls its argument with the constructor arguments
};

/// Arguments for the constructor of `Tier`, for make() and try_make(). They are forwarded, not
/// copied: use the result in the same full expression.
template <class Tier, class... Args>
[[nodiscard]] constexpr auto with(Args&&... args) noexcept {
  auto apply = [&args...](auto&& use) -> decltype(auto) {
    return use(std::forward<Args>(args)...);
  };
  return tier_arguments<Tier, decltype(apply)>{apply};
}

namespace detail {

template <class A>
inline constexpr bool is_tier_arguments = false;
template <class Tier, class Apply>
inline constexpr bool is_tier_arguments<tier_arguments<Tier, Apply>> = true;

template <class A>
inline constexpr bool is_plain = !is_tier_arguments<std::remove_cvref_t<A>>;

template <class Tier, class A>
consteval bool is_for() {
  if constexpr (is_plain<A>) {
    return false;
  } else {
    return std::is_same_v<typename std::remove_cvref_t<A>::tier_type, Tier>;
  }
}

/// Calls use(arguments of Tier...), picked from args; with none if none are for it.
template <class Tier, class Use>
constexpr decltype(auto) pick_arguments(Use&& use) {
  return use();
}
template <class Tier, class Use, class First, class... Rest>
constexpr decltype(auto) pick_arguments(Use&& use, First&& first, Rest&&... rest) {
  if constexpr (is_for<Tier, First>()) {
    static_assert(!(is_for<Tier, Rest>() || ...), "trefoil: two with<Tier>(...) for the same tier");
    return first.apply(std::forward<Use>(use));
  } else {
    return pick_arguments<Tier>(std::forward<Use>(use), std::forward<Rest>(rest)...);
  }
}

/// Calls use(plain arguments...), in their order.
template <class Use>
constexpr decltype(auto) pick_plain(Use&& use) {
  return use();
}
template <class Use, class First, class... Rest>
constexpr decltype(auto) pick_plain(Use&& use, First&& first, Rest&&... rest) {
  if constexpr (is_plain<First>) {
    return pick_plain(
        [&](auto&&... later) -> decltype(auto) {
          return use(std::forward<First>(first), std::forward<decltype(later)>(later)...);
        },
        std::forward<Rest>(rest)...);
  } else {
    return pick_plain(std::forward<Use>(use), std::forward<Rest>(rest)...);
  }
}

template <class... Inner>
struct inner_tiers {};

template <class List, class... Inner>
struct drop_last;
template <class... Kept, class Last>
struct drop_last<inner_tiers<Kept...>, Last> {
  using type = inner_tiers<Kept...>;
};
template <class... Kept, class First, class Second, class... Rest>
struct drop_last<inner_tiers<Kept...>, First, Second, Rest...>
    : drop_last<inner_tiers<Kept..., First>, Second, Rest...> {};

template <class Tier, class Inner, class... Args>
inline constexpr bool takes = false;
template <class Tier, class... Inner, class... Args>
inline constexpr bool takes<Tier, inner_tiers<Inner...>, Args...> =
    std::is_constructible_v<Tier, Inner&..., Args...>;

/// Constructs a tier from as many of the tiers inside it as its constructor takes, most first.
template <class Tier, class... Inner, class Get, class... Args>
Tier* construct_tier(void* at, inner_tiers<Inner...>, const Get& get, Args&&... args) {
  if constexpr (takes<Tier, inner_tiers<Inner...>, Args...>) {
    return ::new (at) Tier(get.template operator()<Inner>()..., std::forward<Args>(args)...);
  } else {
    static_assert(sizeof...(Inner) != 0,
                  "trefoil: a tier cannot be constructed from the tiers inside it (nearest first) "
                  "followed by the arguments given for it");
    if constexpr (sizeof...(Inner) != 0) {
      return construct_tier<Tier>(at, typename drop_last<inner_tiers<>, Inner...>::type{}, get,
                                  std::forward<Args>(args)...);
    } else {
      return nullptr;
    }
  }
}

/// construct_tier() without arguments takes none of the tiers inside, either.
template <class Tier, class... Inner>
consteval bool constructed_from_nothing(inner_tiers<Inner...>) {
  if constexpr (sizeof...(Inner) == 0) {
    return true;
  } else if constexpr (takes<Tier, inner_tiers<Inner...>>) {
    return false;
  } else {
    return constructed_from_nothing<Tier>(typename drop_last<inner_tiers<>, Inner...>::type{});
  }
}

/// `Tier()` is a constant. So it does not fail, nor look at anything, not even at the object around
/// it: no call that does is one. (std::is_constant_evaluated() is for making the same faster.)
template <class Tier>
concept constant = std::is_default_constructible_v<Tier> &&
                   requires { typename std::bool_constant<([] { Tier(); }(), true)>; };

template <class Tier>
concept has_init = requires(Tier& t) {
  { Tier::init(t) } -> std::same_as<bool>;
};

/// The second half of construction, for tiers that have one.
template <class Tier>
[[nodiscard]] bool initialise(Tier& t) noexcept {
  if constexpr (has_init<Tier>) {
    static_assert(noexcept(Tier::init(t)),
                  "trefoil: a tier's init is noexcept; it says false instead");
    return Tier::init(t);
  } else {
    return true;
  }
}

}  // namespace detail
}  // namespace trefoil
