// SPDX-License-Identifier: Apache-2.0
// adopt() gives back the very type that was detached.
// error(gcc): conversion from .ref<\[...\],page_directory>. to non-scalar type .ref<\[...\],identity>.
// error(clang): no viable conversion from .ref<\[...\], page_directory>. to .ref<\[...\], identity>.
#include "mm.hpp"

void holder(void* detached) {
#ifdef TREFOIL_VALID
  trefoil::ref<mm, identity> bare = trefoil::ref<mm, identity>::adopt(detached);
#else
  trefoil::ref<mm, identity> bare = trefoil::ref<mm, page_directory>::adopt(detached);
#endif
}
