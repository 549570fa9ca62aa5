// SPDX-License-Identifier: Apache-2.0
// Demotion leads inwards.
// error: inside_of<
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, page_directory> lazy) {
  static_cast<void>(static_cast<trefoil::ref<mm, page_directory>&&>(lazy).demote<identity>());
}
#else
void holder(trefoil::ref<mm, page_directory> lazy) {
  static_cast<void>(static_cast<trefoil::ref<mm, page_directory>&&>(lazy).demote<mappings>());
}
#endif
