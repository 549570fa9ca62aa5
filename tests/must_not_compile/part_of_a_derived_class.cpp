// SPDX-License-Identifier: Apache-2.0
// A reference to a part converts to its bases, not back.
// error(gcc): conversion from 'aliasing_ref<area,.*' to non-scalar type 'aliasing_ref<stack_area,
// error(clang): no viable conversion from 'aliasing_ref<area,.*' to 'aliasing_ref<stack_area,
#include "mm.hpp"

struct area {};
struct stack_area : area {};

void holder(trefoil::aliasing_ref<area, mm> one, trefoil::aliasing_ref<stack_area, mm> other) {
#ifdef TREFOIL_VALID
  trefoil::aliasing_ref<area, mm> copy = other;
#else
  trefoil::aliasing_ref<stack_area, mm> copy = one;
#endif
}
