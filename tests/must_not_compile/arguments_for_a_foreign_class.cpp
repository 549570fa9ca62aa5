// SPDX-License-Identifier: Apache-2.0
// with<Tier> names a tier of the object.
// error: is not a tier of this object
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<mm>(1)); }
#else
void holder(int) { static_cast<void>(trefoil::make<mm>(1, trefoil::with<file_name>())); }
#endif
