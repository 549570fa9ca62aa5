// SPDX-License-Identifier: Apache-2.0
// ref names a tier of the object.
// error: Tier is not one of T's tiers
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { trefoil::ref<mm, identity> r; }
#else
void holder(int) { trefoil::ref<mm, file_name> r; }
#endif
