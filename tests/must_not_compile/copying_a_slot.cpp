// SPDX-License-Identifier: Apache-2.0
// A slot is a place; what is in it is copied by load().
// error(gcc): use of deleted function
// error(clang): deleted constructor
#include "mm.hpp"

void copy(const trefoil::slot<trefoil::ref<mm>>& from) {
#ifdef TREFOIL_VALID
  trefoil::slot<trefoil::ref<mm>> to(from.load());
#else
  trefoil::slot<trefoil::ref<mm>> to(from);
#endif
}
