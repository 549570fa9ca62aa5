// SPDX-License-Identifier: Apache-2.0
// Traits that are not derived from the default ones name everything.
// error: the traits name platform, counts, reclaimer and storage
#include "mm.hpp"

struct traits {
  using platform = trefoil::threads;
  using counts = trefoil::default_counts;
  using reclaimer = trefoil::inline_only;
#ifdef TREFOIL_VALID
  using storage = trefoil::pooled;
#endif
};
using object = trefoil::basic_staged<traits, file_name>;
static_assert(sizeof(object) > 0);
