// SPDX-License-Identifier: Apache-2.0
/// @file
/// Numbers that order nothing.
#pragma once

namespace trefoil::detail {

/// P's `statistic<T>` where it has one (platform.hpp), else its atomic.
template <class P, class T>
struct statistic_on {
  using type = typename P::template atomic<T>;
};
template <class P, class T>
  requires requires { typename P::template statistic<T>; }
struct statistic_on<P, T> {
  using type = typename P::template statistic<T>;
};

}  // namespace trefoil::detail
