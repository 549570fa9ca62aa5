// SPDX-License-Identifier: Apache-2.0
// A tier is pinned lazily only if it says that it can be: others never look for pins when they die.
// error: none of T's tiers declares 'static constexpr bool lazy_pins = true'
#include "mm.hpp"

struct loaded {
  static constexpr auto teardown = trefoil::context::atomic;
#ifdef TREFOIL_VALID
  static constexpr bool lazy_pins = true;
#endif
};
using object = trefoil::staged<loaded, file_name>;
void holder(trefoil::lazy_pin<object>& cpu) { cpu.give_back(); }
