// SPDX-License-Identifier: Apache-2.0
// A key is for those who are found.
// error: a key is for findable objects
#include "mm.hpp"

#ifdef TREFOIL_VALID
struct traits : trefoil::default_traits {
  static constexpr bool findable = true;
  using key = int;
};
#else
struct traits : trefoil::default_traits {
  using key = int;
};
#endif
using object = trefoil::basic_staged<traits, file_name>;
static_assert(sizeof(object) > 0);
