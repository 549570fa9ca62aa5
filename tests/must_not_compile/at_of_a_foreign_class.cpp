// SPDX-License-Identifier: Apache-2.0
// Only tiers of the object can be named.
// error: tier_of<
// error: file_name
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, mappings> user) { static_cast<void>(user.at<identity>()); }
#else
void holder(trefoil::ref<mm, mappings> user) { static_cast<void>(user.at<file_name>()); }
#endif
