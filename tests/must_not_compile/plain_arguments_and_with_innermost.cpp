// SPDX-License-Identifier: Apache-2.0
// Plain arguments and with<innermost> would be two answers.
// error: which has with<Tier>
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<mm>(trefoil::with<identity>(1))); }
#else
void holder(int) { static_cast<void>(trefoil::make<mm>(1, trefoil::with<identity>(2))); }
#endif
