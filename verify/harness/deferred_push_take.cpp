// SPDX-License-Identifier: Apache-2.0
//
// Two threads drop last references at a level that does not allow the teardown: the nodes go to the
// queue. A third polls meanwhile.
//
// Checked: each teardown runs once, at level `process`, and sees what the dropper wrote; links and
// teardowns of the nodes do not race; nothing is left when all have polled.
#include "malloc_platform.hpp"

namespace {

struct queue_tag;
using queue = trefoil::basic_polled<harness::platform, queue_tag>;

struct traits {
  using platform = harness::platform;
  using counts = trefoil::packed_counts<>;
  using reclaimer = queue;
  using storage = harness::from_malloc;
};

struct inner {
  static constexpr auto teardown = trefoil::context::any;
  bool* gone;
  explicit inner(bool* g) noexcept : gone(g) {}
  ~inner() {
    assert(!*gone);
    *gone = true;
  }
};
struct outer {
  static constexpr auto teardown = trefoil::context::process;
  explicit outer(inner& i) noexcept : inside(i) {}
  inner& inside;
  int written = 0;
  ~outer() {
    assert(harness::this_thread.here() == trefoil::context::process);
    assert(written == 1);
    assert(!*inside.gone);
  }
};

using object = trefoil::basic_staged<traits, outer, inner>;
using strong = trefoil::ref<object, outer>;

void* drops(void* argument) {
  strong& user = *static_cast<strong*>(argument);
  user->written = 1;
  const trefoil::context::basic_scope<harness::platform> handler(trefoil::context::any);
  user.drop();
  return nullptr;
}

void* polls(void*) {
  static_cast<void>(queue::poll());
  return nullptr;
}

}  // namespace

int main() {
  bool first_gone = false;
  bool second_gone = false;
  strong first = trefoil::try_make<object>(&first_gone);
  strong second = trefoil::try_make<object>(&second_gone);
  if (!first || !second) return 0;  // out of memory is not what is checked here
  const pthread_t one = harness::start(&drops, &first);
  const pthread_t two = harness::start(&drops, &second);
  const pthread_t poller = harness::start(&polls, nullptr);
  harness::join(one);
  harness::join(two);
  harness::join(poller);
  static_cast<void>(queue::poll());
  assert(first_gone && second_gone);
  assert(queue::counters().pending == 0 && queue::counters().run == 2);
  return 0;
}
