// SPDX-License-Identifier: Apache-2.0
/// @file
/// What can be said of a staged type by its name alone, its tiers still incomplete: its traits, the
/// order of its tiers, and which tier keeps which alive.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include "trefoil/counts.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/tier.hpp"

namespace trefoil {

/// What a staged object chooses, as a class (`default_traits` in os/default_traits.hpp):
///
/// | member                       | meaning                                                        |
/// | ---------------------------- | -------------------------------------------------------------- |
/// | `using platform`             | where it lives (platform.hpp)                                  |
/// | `using counts`               | `default_counts`, `packed_counts<W...>`, `wide_counts`, `padded_counts` |
/// | `using reclaimer`            | who runs deferred teardowns (reclaimer.hpp)                    |
/// | `using storage`              | `pooled`, or a class with the same `source` template           |
/// | `static constexpr bool findable` | optional: found without a reference (findable.hpp)         |
/// | `using key`                  | optional, of findable objects: what a finder looks for         |
template <class Traits>
concept staged_traits =
    platform<typename Traits::platform> &&
    reclaimer<typename Traits::reclaimer, typename Traits::platform> && requires {
      typename Traits::counts;
      typename Traits::storage;
    };

template <class Traits, class... Tiers>
class basic_staged;

namespace detail {

/// Where a drop happens, if only the thread's state knows.
struct wherever {};

template <class Traits>
consteval bool is_findable() {
  if constexpr (requires { Traits::findable; }) {
    return Traits::findable;
  } else {
    return false;
  }
}

template <class Traits>
inline constexpr bool has_key = requires { typename Traits::key; };

/// What a finder compares after it has acquired an object; empty if the object has no key.
template <class Traits>
struct key_cell {};
template <class Traits>
  requires has_key<Traits>
struct key_cell<Traits> {
  typename Traits::platform::template cell<typename Traits::key> value{};
};

/// The object has been pinned lazily, at some time in its life; empty if none of its tiers can be.
template <class Traits, bool LazyPins>
struct pin_mark {
  static constexpr void begin() noexcept {}
  static constexpr bool was_pinned() noexcept { return false; }
};
template <class Traits>
struct pin_mark<Traits, true> {
  /// relaxed, all: a pin is taken under a counted reference, whose drop carries this as it carries the
  /// pin. An object that nobody else has is at its beginning.
  void begin() noexcept { mark.store(false, std::memory_order_relaxed); }
  void pinned() noexcept {
    if (!was_pinned()) [[unlikely]]
      mark.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] bool was_pinned() const noexcept { return mark.load(std::memory_order_relaxed); }

  typename Traits::platform::template atomic<bool> mark{false};
};

/// What outlives every tier. The node comes first: a free block of the pool is its node.
template <class Traits, class... Tiers>
struct header : deferred<typename Traits::platform> {
  /// A slot of findable objects, before its first.
  constexpr header() noexcept = default;
  /// `run` says at once that the object is not static (staged.hpp): beside the counts, in one store
  /// with them where these are a word.
  constexpr explicit header(beginning how) noexcept : counts(how) { this->run.set(nullptr); }

  typename Traits::counts::template type<typename Traits::platform, sizeof...(Tiers),
                                         is_findable<Traits>()>
      counts;
  [[no_unique_address]] key_cell<Traits> key;
  [[no_unique_address]] pin_mark<Traits, (pinned_lazily<Tiers>() || ...)> pins;
};

/// Order and number of the tiers.
template <class T>
struct facts;
template <class Traits, class... Tiers>
struct facts<basic_staged<Traits, Tiers...>> {
  using traits = Traits;
  static constexpr std::size_t size = sizeof...(Tiers);
  template <std::size_t K>
  using tier = typename nth<K, Tiers...>::type;
  template <class Tier>
  static constexpr std::size_t index = index_of<Tier, Tiers...>();
};
template <class T>
struct facts<const T> : facts<T> {};

template <class T>
inline constexpr bool is_staged = false;
template <class Traits, class... Tiers>
inline constexpr bool is_staged<basic_staged<Traits, Tiers...>> = true;

}  // namespace detail

/// A type made by staged<...> or basic_staged<...>, const or not.
template <class T>
concept staged_object = detail::is_staged<std::remove_const_t<T>>;

/// Tier is one of T's tiers.
template <class Tier, class T>
concept tier_of =
    staged_object<T> && (detail::facts<T>::template index<Tier> < detail::facts<T>::size);

template <class T>
using outermost_tier = typename detail::facts<T>::template tier<0>;
template <class T>
using weakest_tier = typename detail::facts<T>::template tier<detail::facts<T>::size - 1>;

/// A holder of Tier keeps Kept alive: it is the same tier, or one inside it.
template <class Kept, class T, class Tier>
concept kept_alive_by =
    tier_of<Kept, T> && tier_of<Tier, T> &&
    (detail::facts<T>::template index<Kept> >= detail::facts<T>::template index<Tier>);
/// Lower is truly inside Tier: what share and demote lead to.
template <class Lower, class T, class Tier>
concept inside_of = kept_alive_by<Lower, T, Tier> && !std::same_as<Lower, Tier>;
/// Higher is truly outside Tier: what promote leads to.
template <class Higher, class T, class Tier>
concept outside_of = tier_of<Higher, T> && tier_of<Tier, T> && !kept_alive_by<Higher, T, Tier>;

}  // namespace trefoil
