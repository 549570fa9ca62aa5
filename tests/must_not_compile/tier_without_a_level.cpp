// SPDX-License-Identifier: Apache-2.0
// A tier says where its teardown may run.
// error: declares the level its teardown needs
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
};
#else
struct wrong {};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
