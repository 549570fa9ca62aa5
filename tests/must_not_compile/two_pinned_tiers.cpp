// SPDX-License-Identifier: Apache-2.0
// A CPU's slot says which object it pins, not which tier of it.
// error: at most one tier of an object is pinned lazily
#include "mm.hpp"

struct outer {
  static constexpr auto teardown = trefoil::context::any;
#ifndef TREFOIL_VALID
  static constexpr bool lazy_pins = true;
#endif
};
struct loaded {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr bool lazy_pins = true;
};
using object = trefoil::staged<outer, loaded>;
static_assert(sizeof(object) > 0);
