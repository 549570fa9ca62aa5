// SPDX-License-Identifier: Apache-2.0
// Identity is compared among objects of one type.
// error: no match for|invalid operands
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<file> name, trefoil::ref<mm> bare) { static_cast<void>(bare == bare); }
#else
void holder(trefoil::ref<file> name, trefoil::ref<mm> bare) { static_cast<void>(bare == name); }
#endif
