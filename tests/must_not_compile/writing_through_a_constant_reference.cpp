// SPDX-License-Identifier: Apache-2.0
// Constant access is constant.
// error: read-only object|const-qualified
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<const mm, identity> bare) { static_cast<void>(bare->user_ns); }
#else
void holder(trefoil::ref<const mm, identity> bare) { bare->user_ns = 1; }
#endif
