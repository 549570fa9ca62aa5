// SPDX-License-Identifier: Apache-2.0
// A teardown does not throw.
// error: must be accessible and noexcept
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
  ~wrong() {}
};
#else
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
  ~wrong() noexcept(false) {}
};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
