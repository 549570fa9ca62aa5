// SPDX-License-Identifier: Apache-2.0
// A tier marked no_defer is dropped where it can die.
// error: a tier marked no_defer would have to be deferred
#include "mm.hpp"

struct prompt {
  static constexpr auto teardown = trefoil::context::atomic;
  static constexpr bool no_defer = true;
};
using object = trefoil::staged<prompt, file_name>;
#ifdef TREFOIL_VALID
void holder(trefoil::ref<object, prompt> r) { r.drop(trefoil::context::in_atomic); }
#else
void holder(trefoil::ref<object, prompt> r) { r.drop(trefoil::context::in_any); }
#endif
