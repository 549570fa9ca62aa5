// SPDX-License-Identifier: Apache-2.0
// A tier that needs an argument gets one.
// error: cannot be constructed from the tiers inside it
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<mm>(1)); }
#else
void holder(int) { static_cast<void>(trefoil::make<mm>()); }
#endif
