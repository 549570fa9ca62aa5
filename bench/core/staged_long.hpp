// SPDX-License-Identifier: Apache-2.0
/// @file
/// The staged object that is compared with everything else: three tiers of one long each, at the
/// levels of an address space.
#pragma once

#include <trefoil/trefoil.hpp>

#include <benchmark/benchmark.h>

namespace bench {

/// A destructor that does something is only visible to the optimiser as an access to memory.
template <class T>
inline void pretend_to_release(T& value) noexcept {
  benchmark::DoNotOptimize(value);
}

/// Nothing to do at the end: memory is all it owns.
template <trefoil::context::level Level>
struct trivial_tier {
  static constexpr auto teardown = Level;
  long value = 1;
};

/// Something to do at the end.
template <int Place, trefoil::context::level Level>
struct busy_tier {
  static constexpr auto teardown = Level;
  long value = 1;
  ~busy_tier() { pretend_to_release(value); }
};

using outer = trivial_tier<trefoil::context::process>;
using middle = trivial_tier<trefoil::context::atomic>;
using inner = trivial_tier<trefoil::context::any>;
using staged_long = trefoil::staged<outer, middle, inner>;

using busy_outer = busy_tier<0, trefoil::context::process>;
using busy_middle = busy_tier<1, trefoil::context::atomic>;
using busy_inner = busy_tier<2, trefoil::context::any>;
using staged_busy = trefoil::staged<busy_outer, busy_middle, busy_inner>;

}  // namespace bench
