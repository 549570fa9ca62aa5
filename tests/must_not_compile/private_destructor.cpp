// SPDX-License-Identifier: Apache-2.0
// A teardown is run by the library.
// error: must be accessible and noexcept
#include "mm.hpp"

#ifdef TREFOIL_VALID
class wrong {
 public:
  static constexpr auto teardown = trefoil::context::any;
  ~wrong() {}
};
#else
class wrong {
 public:
  static constexpr auto teardown = trefoil::context::any;

 private:
  ~wrong() {}
};
#endif
using object = trefoil::staged<wrong>;
static_assert(sizeof(object) > 0);
void holder(trefoil::ref<object> r) { r.drop(); }
