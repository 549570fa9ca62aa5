// SPDX-License-Identifier: Apache-2.0
// What is adopted was detached first: a reference cannot be adopted beside its owner.
// error(gcc): cannot convert .*trefoil::ref<.* to 'void\*'
// error(clang): no viable conversion from .*trefoil::ref<.* to 'void \*'
#include "mm.hpp"

#include <utility>

void holder(trefoil::ref<mm, identity> bare) {
#ifdef TREFOIL_VALID
  auto other = trefoil::ref<mm, identity>::adopt(std::move(bare).detach());
#else
  auto other = trefoil::ref<mm, identity>::adopt(std::move(bare));
#endif
}
