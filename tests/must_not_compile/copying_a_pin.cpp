// SPDX-License-Identifier: Apache-2.0
// A pin belongs to one CPU.
// error(gcc): use of deleted function
// error(clang): call to deleted constructor
#include "mm.hpp"

struct loaded {
  static constexpr auto teardown = trefoil::context::atomic;
  static constexpr bool lazy_pins = true;
};
using object = trefoil::staged<loaded, file_name>;
#ifdef TREFOIL_VALID
void holder(const trefoil::lazy_pin<object>& cpu) { static_cast<void>(cpu.address()); }
#else
void holder(const trefoil::lazy_pin<object>& cpu) { trefoil::lazy_pin<object> another(cpu); }
#endif
