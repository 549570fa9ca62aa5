// SPDX-License-Identifier: Apache-2.0
// A tier is constructed in place.
// error: it cannot be abstract
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
};
#else
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
  virtual void f() = 0;
  virtual ~wrong() = default;
};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
