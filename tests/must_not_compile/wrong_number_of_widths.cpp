// SPDX-License-Identifier: Apache-2.0
// One width for each tier.
// error: names one width per tier
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct traits : trefoil::default_traits {
  using counts = trefoil::packed_counts<16, 16, 32>;
};
#else
struct traits : trefoil::default_traits {
  using counts = trefoil::packed_counts<32, 32>;
};
#endif
using object = trefoil::basic_staged<traits, mappings, page_directory, identity>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
