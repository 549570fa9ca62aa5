// SPDX-License-Identifier: Apache-2.0
// One with<Tier> for one tier.
// error: two with<Tier>
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<mm>(trefoil::with<identity>(1))); }
#else
void holder(int) {
  static_cast<void>(trefoil::make<mm>(trefoil::with<identity>(1), trefoil::with<identity>(2)));
}
#endif
