// SPDX-License-Identifier: Apache-2.0
// An object without tiers has no life.
// error: has at least one tier
#include "mm.hpp"

#ifdef TREFOIL_VALID
using object = trefoil::staged<file_name>;
#else
using object = trefoil::staged<>;
#endif
static_assert(sizeof(object) > 0);
