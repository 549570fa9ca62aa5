// SPDX-License-Identifier: Apache-2.0
// Who holds less than the tier cannot kill it: it may be gone.
// error: no matching function
#include "mm.hpp"

struct in_use {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr bool per_cpu_count = true;
};
struct settings {
  static constexpr auto teardown = trefoil::context::any;
};
using object = trefoil::staged<in_use, settings>;
#ifdef TREFOIL_VALID
using held_tier = in_use;
#else
using held_tier = settings;
#endif
bool end(const trefoil::ref<object, held_tier>& held) { return trefoil::kill<in_use>(held); }
