// SPDX-License-Identifier: Apache-2.0
// A holder of the innermost tier cannot reach the tiers that it does not keep alive.
// error: kept_alive_by<
// error: Kept = mappings
#include <trefoil/trefoil.hpp>

struct identity final {
  static constexpr auto teardown = trefoil::context::any;
};
struct mappings final {
  static constexpr auto teardown = trefoil::context::process;
};
using mm = trefoil::staged<mappings, identity>;

void holder(trefoil::ref<mm, identity> bare) {
#ifdef TREFOIL_VALID
  static_cast<void>(bare.at<identity>());
#else
  static_cast<void>(bare.at<mappings>());
#endif
}
