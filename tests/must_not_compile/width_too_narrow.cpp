// SPDX-License-Identifier: Apache-2.0
// A field needs room for its bias.
// error: a count field has 8 to 64 bits
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct traits : trefoil::default_traits {
  using counts = trefoil::packed_counts<16, 16, 32>;
};
#else
struct traits : trefoil::default_traits {
  using counts = trefoil::packed_counts<4, 28, 32>;
};
#endif
using object = trefoil::basic_staged<traits, mappings, page_directory, identity>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
