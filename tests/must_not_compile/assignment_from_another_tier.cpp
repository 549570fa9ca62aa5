// SPDX-License-Identifier: Apache-2.0
// Nor by assignment.
// error: no match for|no viable overloaded
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, mappings> user, trefoil::ref<mm, identity> bare) {
  bare = user.share<identity>();
}
#else
void holder(trefoil::ref<mm, mappings> user, trefoil::ref<mm, identity> bare) { bare = user; }
#endif
