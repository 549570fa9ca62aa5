// SPDX-License-Identifier: Apache-2.0
//
// One thread drops the last outer reference while another promotes an inner one.
//
// Checked: a promote that succeeds finds its tier alive; each tier dies once, the outer one first;
// what a holder wrote is seen by the teardown (the plain accesses race if an order is too weak).
#include "malloc_platform.hpp"

namespace {

struct traits {
  using platform = harness::platform;
  using counts = trefoil::packed_counts<>;
  using reclaimer = trefoil::inline_only;
  using storage = harness::from_malloc;
};

// Plain on purpose: the counts alone order them.
int outer_torn = 0;
int inner_torn = 0;

struct inner {
  static constexpr auto teardown = trefoil::context::any;
  int value = 1;
  ~inner() {
    assert(outer_torn == 1 && inner_torn == 0);
    inner_torn = 1;
  }
};
struct outer {
  static constexpr auto teardown = trefoil::context::any;
  explicit outer(inner& i) noexcept : inside(i) {}
  inner& inside;
  int uses = 0;
  ~outer() {
    assert(outer_torn == 0 && inner_torn == 0);
    assert(uses == 0 || uses == 1);
    assert(inside.value == 1 || inside.value == 2);
    outer_torn = 1;
  }
};

using object = trefoil::basic_staged<traits, outer, inner>;
using strong = trefoil::ref<object, outer>;
using weak = trefoil::ref<object, inner>;

void* drops(void* argument) {
  static_cast<strong*>(argument)->drop();
  return nullptr;
}

void* promotes(void* argument) {
  weak& bare = *static_cast<weak*>(argument);
  if (strong user = bare.promote<outer>()) {
    assert(outer_torn == 0);
    user->uses = 1;
    user.at<inner>().value = 2;
  }
  assert(inner_torn == 0);
  assert(bare->value >= 1);
  bare.drop();
  return nullptr;
}

}  // namespace

int main() {
  strong user = trefoil::try_make<object>();
  if (!user) return 0;  // out of memory is not what is checked here
  weak bare = user.share<inner>();
  const pthread_t dropper = harness::start(&drops, &user);
  const pthread_t promoter = harness::start(&promotes, &bare);
  harness::join(dropper);
  harness::join(promoter);
  assert(outer_torn == 1 && inner_torn == 1);
  return 0;
}
