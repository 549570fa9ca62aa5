// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the tests of rule 11 have in common: drops that are legal at level `any`, everywhere a
/// program can be. The rule: such a drop neither allocates, nor locks, nor enters the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "trefoil/trefoil.hpp"

namespace rule11 {

namespace context = trefoil::context;

/// A platform that calls back at the point where a signal would be worst: inside the pool.
struct hooked : trefoil::threads {
  static context::state<hooked>& state() noexcept {
    static constinit thread_local context::state<hooked> here;
    return here;
  }
  static void enter(trefoil::region r) noexcept {
    if (r != trefoil::region::pool || inside_pool == nullptr) return;
    const callback f = inside_pool;
    inside_pool = nullptr;  // once
    f();
  }
  static void leave(trefoil::region) noexcept {}

  using callback = void (*)();
  static inline constinit thread_local callback inside_pool = nullptr;
};

template <int Stage, trefoil::placement Where = trefoil::placement::inside>
struct stage {
  static constexpr auto teardown = context::any;
  static constexpr auto placement = Where;
  stage() noexcept = default;
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() { gone = gone + 1; }

  // Not atomic: these tests have one thread at a time at it. volatile: the compiler must not
  // conclude that there is nothing to tear down.
  static inline volatile int gone = 0;
};

template <class P, class Counts, bool Findable = false>
struct traits : trefoil::default_traits {
  using platform = P;
  using counts = Counts;
  using reclaimer = trefoil::basic_worker<P>;
  static constexpr bool findable = Findable;
};

using outer = stage<0>;
using middle = stage<1>;
using inner = stage<2>;
using outside = stage<3, trefoil::placement::outside>;

template <class P>
using packed = trefoil::basic_staged<traits<P, trefoil::packed_counts<>>, outer, middle, inner>;
template <class P>
using wide = trefoil::basic_staged<traits<P, trefoil::wide_counts>, outside, middle, inner>;
template <class P>
using findable =
    trefoil::basic_staged<traits<P, trefoil::packed_counts<>, true>, outer, middle, inner>;

/// A chain of last references: their ends are postponed, one to the end of the other.
template <class P>
struct link {
  static constexpr auto teardown = context::any;
  explicit link(
      trefoil::ref<trefoil::basic_staged<traits<P, trefoil::packed_counts<>>, link>>&& n) noexcept
      : next(std::move(n)) {}
  trefoil::ref<trefoil::basic_staged<traits<P, trefoil::packed_counts<>>, link>> next;
};
template <class P>
using chain = trefoil::basic_staged<traits<P, trefoil::packed_counts<>>, link<P>>;

/// References of one kind, and all that a holder may do with them at `any`.
template <class T, class Outer>
struct objects {
  static constexpr std::size_t many = 200;  // more than fit in a thread's list
  std::array<trefoil::ref<T, Outer>, many> refs;

  objects() {
    for (auto& r : refs) r = trefoil::make<T>();
  }

  void use() noexcept {
    for (std::size_t i = 0; i < many; ++i) {
      auto& r = refs[i];
      auto copy = r;
      auto mid = r.template share<middle>();
      auto low = mid.template share<inner>();
      { auto up = low.template promote<Outer>(); }
      switch (i % 4) {
        case 0: break;                         // drops copies, then the last one by its token
        case 1: copy.drop(), r.drop(); break;  // the outer tier goes first
        case 2: {
          copy.drop();
          low = std::move(r).template demote<inner>();
          break;
        }
        default:
          copy.drop();
          mid.drop();
          low.drop();
          break;  // the last one is the unique owner
      }
      mid.drop(context::in_any);
      low.drop(context::in_any);
      copy.drop(context::in_any);
      r.drop(context::in_any);
    }
  }
};

/// Everything, made at `process`, to be dropped at `any`.
template <class P>
struct repertoire {
  objects<packed<P>, outer> one;
  objects<wide<P>, outside> two;
  objects<findable<P>, outer> three;
  trefoil::ref<chain<P>> links;
  trefoil::slot<trefoil::ref<findable<P>, outer>> slot;

  repertoire() {
    for (int i = 0; i < 100; ++i) links = trefoil::make<chain<P>>(std::move(links));
    slot.store(trefoil::make<findable<P>>());
  }

  /// What rule 11 is about.
  void use_at_any() noexcept {
    const context::basic_scope<P> here(context::any);
    one.use();
    two.use();
    three.use();
    links.drop();
    auto loaded = slot.load();
    slot.clear();
    loaded.drop();
    if (trefoil::try_make<packed<P>>()) __builtin_trap();
  }
};

}  // namespace rule11
