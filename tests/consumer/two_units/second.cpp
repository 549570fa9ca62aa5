// SPDX-License-Identifier: Apache-2.0
#include "../common/check.hpp"
#include "first.hpp"

#include <atomic>

int main() {
  std::atomic<int> torn{0};
  auto user = make_in_first(7, &torn);
  auto other = trefoil::make<mm>(8, &torn);
  CHECK(user.at<identity>().id + other.at<identity>().id == 15);
  {
    trefoil::context::scope in_handler{trefoil::context::any};
    CHECK(level_in_first() == trefoil::context::any);
    user.drop();
    other.drop();
  }
  CHECK(trefoil::worker::flush());
  CHECK(torn == 6);
}
