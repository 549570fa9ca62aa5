// SPDX-License-Identifier: Apache-2.0
// A tier is a class that owns; who wants to hold a pointer wraps it.
// error: a tier is a class, not a reference, pointer or number
#include "mm.hpp"

#ifdef TREFOIL_VALID
using object = trefoil::staged<file_name>;
#else
using object = trefoil::staged<file_name*>;
#endif
static_assert(sizeof(object) > 0);
