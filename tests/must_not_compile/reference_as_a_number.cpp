// SPDX-License-Identifier: Apache-2.0
// A reference is asked whether it is empty; it does not turn into a number by the way.
// error(gcc): cannot convert 'trefoil::ref<.* to 'int'
// error(clang): no viable conversion from 'trefoil::ref<.* to 'int'
#include "mm.hpp"

void holder(trefoil::ref<mm> bare) {
#ifdef TREFOIL_VALID
  int held = bare ? 1 : 0;
#else
  int held = bare;
#endif
}
