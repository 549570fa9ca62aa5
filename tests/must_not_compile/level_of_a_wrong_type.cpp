// SPDX-License-Identifier: Apache-2.0
// A level is a level, not a number.
// error: declares the level its teardown needs
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
};
#else
struct wrong {
  static constexpr int teardown = 0;
};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
