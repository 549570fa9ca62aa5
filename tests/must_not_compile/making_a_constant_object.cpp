// SPDX-License-Identifier: Apache-2.0
// make gives full access; constness comes later.
// error: no matching function
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { static_cast<void>(trefoil::make<file>()); }
#else
void holder(int) { static_cast<void>(trefoil::make<const file>()); }
#endif
