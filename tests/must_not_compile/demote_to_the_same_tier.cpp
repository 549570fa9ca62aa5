// SPDX-License-Identifier: Apache-2.0
// A reference that stays what it is, is moved.
// error: inside_of<
// error: Lower = mappings
#include "mm.hpp"

#include <utility>

void holder(trefoil::ref<mm, mappings> user) {
#ifdef TREFOIL_VALID
  auto next = std::move(user).demote<identity>();
#else
  auto next = std::move(user).demote<mappings>();
#endif
}
