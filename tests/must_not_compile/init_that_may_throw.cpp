// SPDX-License-Identifier: Apache-2.0
// The second half of construction says no by false.
// error: a tier's init is noexcept
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
  static bool init(wrong&) noexcept { return true; }
};
#else
struct wrong {
  static constexpr auto teardown = trefoil::context::any;
  static bool init(wrong&) { return true; }
};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r = trefoil::make<object>(); }
