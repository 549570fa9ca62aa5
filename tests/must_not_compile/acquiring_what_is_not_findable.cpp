// SPDX-License-Identifier: Apache-2.0
// Without a reference only findable objects can be had.
// error: findable<
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(mm* stale, trefoil::ref<mm, identity> bare) {
  static_cast<void>(stale);
  static_cast<void>(bare.promote<mappings>());
}
#else
void holder(mm* stale, trefoil::ref<mm, identity> bare) {
  static_cast<void>(trefoil::try_acquire<mappings>(stale));
}
#endif
