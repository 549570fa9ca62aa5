// SPDX-License-Identifier: Apache-2.0
// A findable object without a key is not found by one.
// error(gcc): has_key<
// error(clang): no type named 'key' in 'keyless'
#include "mm.hpp"

struct keyless : trefoil::default_traits {
  static constexpr bool findable = true;
};
struct keyed : keyless {
  using key = int;
};
#ifdef TREFOIL_VALID
using object = trefoil::basic_staged<keyed, file_name>;
#else
using object = trefoil::basic_staged<keyless, file_name>;
#endif

void finder(object* stale) { static_cast<void>(trefoil::try_acquire<file_name>(stale, 7)); }
