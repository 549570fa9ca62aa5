// SPDX-License-Identifier: Apache-2.0
// One word has default widths for four tiers at most; who wants more names them.
// error: default widths for 1 to 4 tiers; name them, as packed_counts<W...>, or use wide_counts
#include "mm.hpp"

struct cgroup {
  static constexpr auto teardown = trefoil::context::any;
};
struct accounting {
  static constexpr auto teardown = trefoil::context::any;
};

struct traits : trefoil::default_traits {
#ifdef TREFOIL_VALID
  using counts = trefoil::packed_counts<12, 12, 12, 14, 14>;
#else
  using counts = trefoil::packed_counts<>;
#endif
};
using object =
    trefoil::basic_staged<traits, mappings, page_directory, identity, cgroup, accounting>;
static_assert(sizeof(object) > 0);
