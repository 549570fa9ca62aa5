// SPDX-License-Identifier: Apache-2.0
// Demotion consumes the reference; that is to be visible at the call.
// error(gcc): discards qualifiers|passing
// error(clang): rvalue|not viable
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, mappings>& user) {
  static_cast<void>(static_cast<trefoil::ref<mm, mappings>&&>(user).demote<identity>());
}
#else
void holder(trefoil::ref<mm, mappings>& user) { static_cast<void>(user.demote<identity>()); }
#endif
