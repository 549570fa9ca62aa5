// SPDX-License-Identifier: Apache-2.0
// A reference shows its own tier; members of an outer one are not there.
// error: vmas
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, identity> bare) { static_cast<void>(bare->user_ns); }
#else
void holder(trefoil::ref<mm, identity> bare) { static_cast<void>(bare->vmas); }
#endif
