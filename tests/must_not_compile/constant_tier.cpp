// SPDX-License-Identifier: Apache-2.0
// Constness belongs to the reference.
// error: a tier is not const
#include "mm.hpp"

#ifdef TREFOIL_VALID
using object = trefoil::staged<file_name>;
#else
using object = trefoil::staged<const file_name>;
#endif
static_assert(sizeof(object) > 0);
