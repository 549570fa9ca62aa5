// SPDX-License-Identifier: Apache-2.0
// Its references decide when an object goes.
// error: private
#include "mm.hpp"

void holder(trefoil::ref<file> last) {
#ifdef TREFOIL_VALID
  last.drop();
#else
  delete last.address();
#endif
}
