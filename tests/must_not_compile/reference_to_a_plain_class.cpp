// SPDX-License-Identifier: Apache-2.0
// ref names a staged object.
// error: staged
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(int) { trefoil::ref<mm> r; }
#else
void holder(int) { trefoil::ref<identity, identity> r; }
#endif
