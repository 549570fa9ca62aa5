// SPDX-License-Identifier: Apache-2.0
// A reference comes from a part of that very object.
// error: tier_of<|no matching function
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(identity& i, file_name& n) {
  static_cast<void>(n);
  static_cast<void>(trefoil::ref_from_tier<mm>(i));
}
#else
void holder(identity& i, file_name& n) {
  static_cast<void>(i);
  static_cast<void>(trefoil::ref_from_tier<mm>(n));
}
#endif
