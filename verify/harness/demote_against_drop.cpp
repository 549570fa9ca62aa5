// SPDX-License-Identifier: Apache-2.0
//
// Three tiers. One thread demotes the last outermost reference to the innermost tier while another
// drops one to the middle.
//
// Checked: the demoter keeps the innermost tier throughout; the tiers die once each, in order,
// whichever thread turns out to be the last; their plain data does not race.
#include "malloc_platform.hpp"

namespace {

struct traits {
  using platform = harness::platform;
  using counts = trefoil::packed_counts<>;
  using reclaimer = trefoil::inline_only;
  using storage = harness::from_malloc;
};

// Tiers torn down so far. Plain on purpose: the counts alone order it.
int torn = 0;

struct identity {
  static constexpr auto teardown = trefoil::context::any;
  int value = 1;
  ~identity() {
    assert(torn == 2);
    torn = 3;
  }
};
struct directory {
  static constexpr auto teardown = trefoil::context::any;
  int value = 1;
  ~directory() {
    assert(torn == 1);
    assert(value == 1 || value == 2);
    torn = 2;
  }
};
struct mappings {
  static constexpr auto teardown = trefoil::context::any;
  int value = 1;
  ~mappings() {
    assert(torn == 0);
    assert(value == 2);
    torn = 1;
  }
};

using object = trefoil::basic_staged<traits, mappings, directory, identity>;
using user_ref = trefoil::ref<object, mappings>;
using lazy_ref = trefoil::ref<object, directory>;
using bare_ref = trefoil::ref<object, identity>;

void* demotes(void* argument) {
  user_ref& user = *static_cast<user_ref*>(argument);
  user->value = 2;
  bare_ref bare = std::move(user).demote<identity>();
  assert(bare->value == 1);
  bare.drop();
  return nullptr;
}

void* drops(void* argument) {
  lazy_ref& lazy = *static_cast<lazy_ref*>(argument);
  lazy->value = 2;
  lazy.drop();
  return nullptr;
}

}  // namespace

int main() {
  user_ref user = trefoil::try_make<object>();
  if (!user) return 0;  // out of memory is not what is checked here
  lazy_ref lazy = user.share<directory>();
  const pthread_t demoter = harness::start(&demotes, &user);
  const pthread_t dropper = harness::start(&drops, &lazy);
  harness::join(demoter);
  harness::join(dropper);
  assert(torn == 3);
  return 0;
}
