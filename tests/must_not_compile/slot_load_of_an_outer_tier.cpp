// SPDX-License-Identifier: Apache-2.0
// A slot gives what it keeps alive: the tier of its reference, or one inside.
// error: kept_alive_by<
// error: Kept = mappings
#include "mm.hpp"

void reader(const trefoil::slot<trefoil::ref<mm, page_directory>>& active) {
#ifdef TREFOIL_VALID
  static_cast<void>(active.load<identity>());
#else
  static_cast<void>(active.load<mappings>());
#endif
}
