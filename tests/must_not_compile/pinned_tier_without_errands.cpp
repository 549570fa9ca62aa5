// SPDX-License-Identifier: Apache-2.0
// What a CPU misses as it gives a pin back, the reclaimer must find: one that never looks again will
// not do.
// error: a tier that is pinned lazily needs a reclaimer that runs errands
#include "mm.hpp"

struct loaded {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr bool lazy_pins = true;
};
struct traits : trefoil::default_traits {
#ifdef TREFOIL_VALID
  using reclaimer = trefoil::polled<file_name>;
#else
  using reclaimer = trefoil::inline_only;
#endif
};
using object = trefoil::basic_staged<traits, loaded, file_name>;
static_assert(sizeof(object) > 0);
