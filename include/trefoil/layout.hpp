// SPDX-License-Identifier: Apache-2.0
/// @file
/// How a staged object lies in memory.
///
///     | node (16) | counts (8) | key? | pinned? | per-CPU counts? | tier N-1 | ... | tier 0 |
///
/// Of tiers placed outside there is a pointer.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/part.hpp"
#include "trefoil/per_cpu_count.hpp"
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

/// The per-CPU count of tier K; empty if that is counted with the others.
template <std::size_t K, class P, bool PerCpu>
struct count_per_cpu {};
template <std::size_t K, class P>
struct count_per_cpu<K, P, true> {
  per_cpu_count<P> per_cpu;
};
template <class Indices, class P, class... Tiers>
struct counts_per_cpu;
template <std::size_t... I, class P, class... Tiers>
struct counts_per_cpu<std::index_sequence<I...>, P, Tiers...>
    : count_per_cpu<I, P, counted_per_cpu<Tiers>()>... {};

/// Header, parts and memory of an object; no behaviour beyond that.
template <class Traits, class... Tiers>
class layout : protected header<Traits, Tiers...>,
               protected counts_per_cpu<std::index_sequence_for<Tiers...>,
                                        typename Traits::platform, Tiers...>,
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

  constexpr layout() noexcept = default;
  constexpr explicit layout(beginning how) noexcept : header<Traits, Tiers...>(how) {}

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
  static constexpr bool is_per_cpu = counted_per_cpu<nth_tier<K>>();
  template <std::size_t K>
  [[nodiscard]] per_cpu_count<P>& cpu_count() noexcept {
    return static_cast<count_per_cpu<K, P, true>&>(*this).per_cpu;
  }

  /// Memory for the per-CPU counts. False: none; free() gives back what was had.
  [[nodiscard]] bool take_cells(context::level here) noexcept {
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      return (take_cells_of<K>(here) && ...);
    }(std::index_sequence_for<Tiers...>{});
  }

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
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      (give_back_cells_of<K>(here), ...);
    }(std::index_sequence_for<Tiers...>{});
    memory_of_object<self>::release(static_cast<self*>(this), here);
  }

  /// Of the object and of its tiers outside.
  static std::size_t trim() noexcept {
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      return (memory_of_object<self>::trim() + ... + trim_tier<K>());
    }(std::index_sequence_for<Tiers...>{});
  }

  static auto figures() noexcept { return memory_of_object<self>::figures(); }
  template <std::size_t K>
  static auto figures_of() noexcept {
    static_assert(placement_of<nth_tier<K>>() == placement::outside,
                  "memory_figures: this tier is inside its object; it has no memory of its own");
    return memory_of_block<typename nth_part<K>::block>::figures();
  }

 private:
  template <std::size_t K>
  static std::size_t trim_tier() noexcept {
    if constexpr (placement_of<nth_tier<K>>() == placement::outside) {
      return memory_of_block<typename nth_part<K>::block>::trim();
    } else {
      return 0;
    }
  }
  template <std::size_t K>
  [[nodiscard]] bool take_cells_of(context::level here) noexcept {
    if constexpr (is_per_cpu<K>) {
      return cpu_count<K>().take_cells(here);
    } else {
      return true;
    }
  }
  template <std::size_t K>
  void give_back_cells_of(context::level here) noexcept {
    if constexpr (is_per_cpu<K>) cpu_count<K>().give_back_cells(here);
  }
};

}  // namespace trefoil::detail
