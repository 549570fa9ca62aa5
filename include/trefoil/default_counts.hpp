// SPDX-License-Identifier: Apache-2.0
/// @file
/// Which counts an object has that does not choose.
#pragma once

#include <cstddef>

#include "trefoil/packed_counts.hpp"
#include "trefoil/wide_counts.hpp"

namespace trefoil {

/// Policy, the default: packed for up to four tiers, wide beyond.
struct default_counts {
  template <class P, std::size_t N, bool Findable>
  struct choose {
    using type = typename packed_counts<>::template type<P, N, Findable>;
  };
  template <class P, std::size_t N, bool Findable>
    requires(N > 4)
  struct choose<P, N, Findable> {
    using type = wide_counts::type<P, N, Findable>;
  };
  template <class P, std::size_t N, bool Findable>
  using type = typename choose<P, N, Findable>::type;
};

}  // namespace trefoil
