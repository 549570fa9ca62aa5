// SPDX-License-Identifier: Apache-2.0
// Its references decide when an object goes.
// error(gcc): is private within this context
// error(clang): calling a private destructor of class
#include "mm.hpp"

void holder(trefoil::ref<file> last) {
#ifdef TREFOIL_VALID
  last.drop();
#else
  delete last.address();
#endif
}
