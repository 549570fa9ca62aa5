// SPDX-License-Identifier: Apache-2.0
// One more reference to the same tier is a copy.
// error: inside_of<
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, page_directory> lazy) { static_cast<void>(lazy.share<identity>()); }
#else
void holder(trefoil::ref<mm, page_directory> lazy) {
  static_cast<void>(lazy.share<page_directory>());
}
#endif
