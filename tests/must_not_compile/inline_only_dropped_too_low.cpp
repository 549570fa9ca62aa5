// SPDX-License-Identifier: Apache-2.0
// What must never be deferred is not dropped where it would have to be.
// error: an inline-only object is dropped at a level that does not allow its teardowns
#include "mm.hpp"

struct traits : trefoil::default_traits {
  using reclaimer = trefoil::inline_only;
};
using object = trefoil::basic_staged<traits, mappings, page_directory, identity>;
#ifdef TREFOIL_VALID
void holder(trefoil::ref<object, page_directory> lazy) { lazy.drop(trefoil::context::in_atomic); }
#else
void holder(trefoil::ref<object, page_directory> lazy) { lazy.drop(trefoil::context::in_any); }
#endif
