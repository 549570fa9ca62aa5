// SPDX-License-Identifier: Apache-2.0
// A kill ends counting per CPU; a tier that is counted in one place dies with its last reference anyway.
// error: no matching function
#include "mm.hpp"

struct in_use {
  static constexpr auto teardown = trefoil::context::any;
#ifdef TREFOIL_VALID
  static constexpr bool per_cpu_count = true;
#endif
};
bool end(const trefoil::ref<trefoil::staged<in_use>>& held) { return trefoil::kill(held); }
