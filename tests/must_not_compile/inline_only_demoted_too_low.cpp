// SPDX-License-Identifier: Apache-2.0
// A demotion may tear down, too.
// error: an inline-only object is dropped at a level that does not allow its teardowns
#include "mm.hpp"

struct traits : trefoil::default_traits {
  using reclaimer = trefoil::inline_only;
};
using object = trefoil::basic_staged<traits, mappings, page_directory, identity>;
#ifdef TREFOIL_VALID
void holder(trefoil::ref<object, mappings>&& user) {
  static_cast<void>(static_cast<trefoil::ref<object, mappings>&&>(user).demote<identity>(
      trefoil::context::in_process));
}
#else
void holder(trefoil::ref<object, mappings>&& user) {
  static_cast<void>(static_cast<trefoil::ref<object, mappings>&&>(user).demote<identity>(
      trefoil::context::in_atomic));
}
#endif
