// SPDX-License-Identifier: Apache-2.0
/// @file
/// Trefoil's own rows. Lazy pins have none yet: they belong beside hazard pointers and RCU.
#include <cstddef>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;
namespace context = trefoil::context;

/// An object of three tiers on cache lines of its own.
template <context::level Level>
struct tier {
  static constexpr auto teardown = Level;
  long value = 1;
};
struct outer : tier<context::process> {};
struct middle : tier<context::atomic> {};
struct alignas(line) inner : tier<context::any> {};

struct padded_traits : trefoil::default_traits {
  using counts = trefoil::padded_counts;
};
using packed = trefoil::staged<outer, middle, inner>;
using padded = trefoil::basic_staged<padded_traits, outer, middle, inner>;

template <class Object>
struct with_object {
  trefoil::ref<Object, outer> held = trefoil::make<Object>();
};

template <class Object>
struct copy_drop : with_object<Object> {
  void operator()(std::size_t n) const {
    const trefoil::ref<Object, outer> mine = this->held;
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      trefoil::ref<Object, outer> copy = mine;
      DoNotOptimize(copy.get());
    }
  }
};

template <class Object>
struct share_drop : with_object<Object> {
  void operator()(std::size_t n) const {
    const trefoil::ref<Object, outer> mine = this->held;
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      trefoil::ref<Object, inner> lower = mine.template share<inner>();
      DoNotOptimize(lower.get());
    }
  }
};

template <class Object>
struct promote_drop : with_object<Object> {
  void operator()(std::size_t n) const {
    const trefoil::ref<Object, inner> mine = this->held.template share<inner>();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      trefoil::ref<Object, outer> upper = mine.template promote<outer>();
      DoNotOptimize(upper.get());
    }
  }
};

/// Not an acquire: make, and drop where the teardown is forbidden; at the end, wait for the last.
struct deferred {
  void operator()(std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {
      trefoil::ref<packed, outer> owner = trefoil::make<packed>();
      const context::scope here{context::any};
      owner.drop();
    }
    trefoil::worker::flush();
  }
};

}  // namespace

void add_trefoil(std::vector<operation>& to) {
  add_same<copy_drop<packed>>(to, "ref_copy", "ref copy + drop");
  add_own<copy_drop<packed>>(to, "ref_copy", "ref copy + drop");
  add_same<share_drop<packed>>(to, "ref_share", "ref share + drop");
  add_same<promote_drop<packed>>(to, "ref_promote", "ref promote + drop");
  add_same<copy_drop<padded>>(to, "ref_padded_copy", "ref copy + drop, padded counts");
  add_own<copy_drop<padded>>(to, "ref_padded_copy", "ref copy + drop, padded counts");
  add_same<promote_drop<padded>>(to, "ref_padded_promote", "ref promote + drop, padded counts");
  add_same<deferred>(to, "ref_deferred", "make + drop at level any, to the end");
}

}  // namespace bench
