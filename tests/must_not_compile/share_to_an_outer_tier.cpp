// SPDX-License-Identifier: Apache-2.0
// A lower reference cannot become a higher one by sharing: the tier may be gone.
// error: inside_of<
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, page_directory> lazy) { static_cast<void>(lazy.share<identity>()); }
#else
void holder(trefoil::ref<mm, page_directory> lazy) { static_cast<void>(lazy.share<mappings>()); }
#endif
