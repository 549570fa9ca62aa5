// SPDX-License-Identifier: Apache-2.0
// What is promoted to is a tier of the same object.
// error: outside_of<
// error: Higher = file_name
#include "mm.hpp"

void holder(trefoil::ref<mm> bare) {
#ifdef TREFOIL_VALID
  static_cast<void>(bare.promote<mappings>());
#else
  static_cast<void>(bare.promote<file_name>());
#endif
}
