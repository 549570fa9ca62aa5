// SPDX-License-Identifier: Apache-2.0
// What is pinned must be kept alive by the reference that it is pinned under.
// error: kept_alive_by<
#include "mm.hpp"

struct loaded {
  static constexpr auto teardown = trefoil::context::atomic;
  static constexpr bool lazy_pins = true;
};
using object = trefoil::staged<loaded, file_name>;
#ifdef TREFOIL_VALID
void holder(trefoil::lazy_pin<object>& cpu, trefoil::ref<object, loaded> r) { cpu.borrow(r); }
#else
void holder(trefoil::lazy_pin<object>& cpu, trefoil::ref<object, file_name> r) { cpu.borrow(r); }
#endif
