// SPDX-License-Identifier: Apache-2.0
//
// An object that is found by its address. Its unique owner drops it, and makes another in the same
// slot of memory, while a finder looks for the first one, and then for the second.
//
// Checked: what a finder gets is constructed, alive, and the object with the key he asked for; each
// object dies once; nothing races on the key or on the tiers' plain data.
#include "malloc_platform.hpp"

namespace {

struct traits {
  using platform = harness::platform;
  using counts = trefoil::packed_counts<>;
  using reclaimer = trefoil::inline_only;
  using storage = harness::from_slots;
  static constexpr bool findable = true;
  using key = int;
};

std::atomic<int> outers_torn{0};
std::atomic<int> inners_torn{0};

struct inner {
  static constexpr auto teardown = trefoil::context::any;
  explicit inner(int n) noexcept : number(n) {}
  int number;
  ~inner() {
    number = -1;
    inners_torn.fetch_add(1, std::memory_order_relaxed);
  }
};
struct outer {
  static constexpr auto teardown = trefoil::context::any;
  explicit outer(inner& i) noexcept : number(i.number) {}
  int number;
  ~outer() {
    number = -1;
    outers_torn.fetch_add(1, std::memory_order_relaxed);
  }
};

using object = trefoil::basic_staged<traits, outer, inner>;
using strong = trefoil::ref<object, outer>;
using weak = trefoil::ref<object, inner>;

void* owns(void* argument) {
  static_cast<strong*>(argument)->drop();
  // In the same slot, unless the finder still has the first one.
  strong second = trefoil::try_make<object>(2, 2);
  if (second) assert(second->number == 2);
  return nullptr;
}

void* finds(void* argument) {
  auto* const at = static_cast<object*>(argument);
  if (strong first = trefoil::try_acquire<outer>(at, 1)) {
    assert(first->number == 1 && first.at<inner>().number == 1);
  }
  if (weak second = trefoil::try_acquire<inner>(at, 2)) assert(second->number == 2);
  return nullptr;
}

}  // namespace

int main() {
  strong first = trefoil::try_make<object>(1, 1);
  if (!first) return 0;  // out of memory is not what is checked here
  object* const at = first.address();
  const pthread_t owner = harness::start(&owns, &first);
  const pthread_t finder = harness::start(&finds, at);
  harness::join(owner);
  harness::join(finder);
  assert(outers_torn.load(std::memory_order_relaxed) == 2);
  assert(inners_torn.load(std::memory_order_relaxed) == 2);
  return 0;
}
