// SPDX-License-Identifier: Apache-2.0
/// @file
/// How a staged object lies in memory.
///
///     | node (16) | counts (8) | key? | pinned? | tier N-1 | ... | tier 0 |        outside tiers: a pointer
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/part.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::detail {

/// The parts, innermost first: what lives longest stands beside the counts.
template <class Indices, class... Tiers>
struct parts;
template <std::size_t... I, class... Tiers>
struct parts<std::index_sequence<I...>, Tiers...>
    : part<sizeof...(Tiers) - 1 - I, typename nth<sizeof...(Tiers) - 1 - I, Tiers...>::type,
           placement_of<typename nth<sizeof...(Tiers) - 1 - I, Tiers...>::type>()>... {};

/// Header, parts and memory of an object; no behaviour beyond that.
template <class Traits, class... Tiers>
class layout : protected header<Traits, Tiers...>,
               protected parts<std::index_sequence_for<Tiers...>, Tiers...> {
 protected:
  using P = typename Traits::platform;
  using node = deferred<P>;
  using self = basic_staged<Traits, Tiers...>;

  static constexpr std::size_t N = sizeof...(Tiers);

  template <std::size_t K>
  using nth_tier = typename nth<K, Tiers...>::type;
  template <std::size_t K>
  using nth_part = detail::part<K, nth_tier<K>, placement_of<nth_tier<K>>()>;

  static constexpr bool is_findable = detail::is_findable<Traits>();

  /// Findable objects are constructed once per slot, so that a finder with a stale pointer always
  /// reads a count word.
  struct slots {
    static constexpr bool type_stable = true;
    static node* carve(void* at) noexcept { return node_of(::new (at) self); }
    static node* freed(void* at) noexcept { return node_of(static_cast<self*>(at)); }
  };
  static node* node_of(layout* o) noexcept { return o; }

  using blocks = std::conditional_t<is_findable, slots, raw_blocks<P>>;

  /// Alias templates: to be named in functions, where the object is complete.
  template <class Self>
  using memory_of_object =
      typename Traits::storage::template source<P, sizeof(Self), alignof(Self), blocks>;
  template <class Block>
  using memory_of_block =
      typename Traits::storage::template source<P, sizeof(Block), alignof(Block), raw_blocks<P>>;

  template <std::size_t K>
  [[nodiscard]] nth_tier<K>* tier() noexcept {
    return static_cast<nth_part<K>&>(*this).tier();
  }

  /// The room for tier K's object; null if it is outside and there is no memory.
  template <std::size_t K>
  [[nodiscard]] void* room(context::level here) noexcept {
    auto& mine = static_cast<nth_part<K>&>(*this);
    if constexpr (placement_of<nth_tier<K>>() == placement::outside) {
      return mine.template room<memory_of_block<typename nth_part<K>::block>>(this, here);
    } else {
      return mine.room();
    }
  }

  /// The object around a tier.
  template <std::size_t K>
  [[nodiscard]] static layout* around(nth_tier<K>& t) noexcept {
    if constexpr (placement_of<nth_tier<K>>() == placement::outside) {
      return static_cast<layout*>(nth_part<K>::owner_of(&t));
    } else {
      return static_cast<layout*>(nth_part<K>::around(&t));
    }
  }

  template <std::size_t K>
  void give_back_tier(context::level here) noexcept {
    if constexpr (placement_of<nth_tier<K>>() == placement::outside) {
      static_cast<nth_part<K>&>(*this)
          .template give_back<memory_of_block<typename nth_part<K>::block>>(here);
    }
  }

  template <std::size_t K>
  void destroy(context::level here) noexcept {
    using Tier = nth_tier<K>;
    tier<K>()->~Tier();
    give_back_tier<K>(here);
  }

  void free(context::level here) noexcept {
    memory_of_object<self>::release(static_cast<self*>(this), here);
  }

  static std::size_t trim() noexcept { return memory_of_object<self>::trim(); }
};

}  // namespace trefoil::detail
