// SPDX-License-Identifier: Apache-2.0
// Tiers are told apart by their class.
// error: the tiers of a staged object are different classes
#include "mm.hpp"

#ifdef TREFOIL_VALID
using object = trefoil::staged<file_name>;
#else
using object = trefoil::staged<file_name, file_name>;
#endif
static_assert(sizeof(object) > 0);
