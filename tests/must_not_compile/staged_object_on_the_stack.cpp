// SPDX-License-Identifier: Apache-2.0
// Staged objects come from make(): what is on the stack goes with the stack.
// error(gcc): is private within this context
// error(clang): calling a private constructor of class
#include "mm.hpp"

void holder() {
#ifdef TREFOIL_VALID
  auto here = trefoil::make<file>();
#else
  file here;
#endif
}
