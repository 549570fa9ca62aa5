// SPDX-License-Identifier: Apache-2.0
// A finder with a stale pointer would count in cells that are another object's by now.
// error: findable objects are not counted per CPU
#include "mm.hpp"

struct in_use {
  static constexpr auto teardown = trefoil::context::any;
#ifndef TREFOIL_VALID
  static constexpr bool per_cpu_count = true;
#endif
};
struct found : trefoil::default_traits {
  static constexpr bool findable = true;
};
using object = trefoil::basic_staged<found, in_use>;
static_assert(sizeof(object) > 0);
