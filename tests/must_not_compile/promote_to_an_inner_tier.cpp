// SPDX-License-Identifier: Apache-2.0
// Inner tiers are kept already: that is a share, and cannot fail.
// error: outside_of<
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, page_directory> lazy) { static_cast<void>(lazy.promote<mappings>()); }
#else
void holder(trefoil::ref<mm, page_directory> lazy) { static_cast<void>(lazy.promote<identity>()); }
#endif
