// SPDX-License-Identifier: Apache-2.0
// Arguments must fit the tier's constructor.
// error: cannot be constructed from the tiers inside it
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<mm>(1)); }
#else
void holder(int) { static_cast<void>(trefoil::make<mm>("one", 2)); }
#endif
