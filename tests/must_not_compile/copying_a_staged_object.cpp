// SPDX-License-Identifier: Apache-2.0
// Staged objects are not values.
// error: deleted function|deleted constructor
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, identity> bare) { static_cast<void>(bare.address()); }
#else
void holder(trefoil::ref<mm, identity> bare) { mm copy(*bare.address()); }
#endif
