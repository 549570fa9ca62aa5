// SPDX-License-Identifier: Apache-2.0
// What of the mechanism takes memory, threads or the kernel: all of it once, and once more where the
// first time fails. Tried with a failure anywhere: nothing may be lost, and the second time it works.
#include "again.hpp"

#include <trefoil/trefoil.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

namespace {

using namespace trefoil;
using faults::again;
using faults::expect;

std::atomic<int> alive{0};
std::atomic<int> confirmed{0};

/// A tier that is counted, and as large as it is said to be.
template <int Number, context::level Level, placement Where = placement::inside,
          std::size_t Bytes = 40>
struct stage {
  static constexpr auto teardown = Level;
  static constexpr auto placement = Where;
  stage() noexcept { ++alive; }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() { --alive; }
  std::array<std::byte, Bytes> bytes{};
};

// ---- shapes ----------------------------------------------------------------------------------------

using all_inside =
    staged<stage<0, context::process>, stage<1, context::atomic>, stage<2, context::any>>;
constexpr auto outside = placement::outside;
using all_outside =
    staged<stage<3, context::process, outside, 3000>, stage<4, context::atomic, outside, 500>,
           stage<5, context::any, outside>>;

struct found_traits : default_traits {
  static constexpr bool findable = true;
  using key = std::uint64_t;
};
using found =
    basic_staged<found_traits, stage<6, context::process>, stage<7, context::any, outside, 90>>;

struct in_use : stage<8, context::process> {
  static constexpr bool per_cpu_count = true;
};
using counted_per_cpu = staged<in_use, stage<9, context::any, placement::inside, 200>>;
struct directory : stage<10, context::atomic> {
  static constexpr bool lazy_pins = true;
};
using pinned = staged<stage<11, context::process>, directory, stage<12, context::any>>;

struct polled_traits : default_traits {
  using reclaimer = polled<struct by_hand>;
};
using polled_object =
    basic_staged<polled_traits, stage<13, context::process, placement::inside, 700>>;

template <class Object>
auto new_one(const char* what) {
  return again(what, [] { return try_make<Object>(); });
}

template <class Object>
void lives(const char* what) {
  auto whole = new_one<Object>(what);
  auto more = whole;
  {
    const context::scope low{context::any};
    whole.drop();
    more.drop();  // deferred
  }
}

void shapes() {
  lives<all_inside>("make, all tiers inside");
  lives<all_outside>("make, all tiers outside");
  auto one = again("make, findable", [] { return try_make<found>(std::uint64_t{7}); });
  found* const at = one.address();
  expect(static_cast<bool>(try_acquire<stage<6, context::process>>(at, std::uint64_t{7})),
         "it is found");
  one.drop();
  expect(!try_acquire<stage<6, context::process>>(at, std::uint64_t{7}),
         "it is not found any more");
  polled<struct by_hand>::poll();
  {
    auto by_hand = new_one<polled_object>("make, polled");
    const context::scope low{context::any};
    by_hand.drop();
  }
  expect(polled<struct by_hand>::poll() == 1, "poll runs it");
  // By the throwing one, whose exception needs memory as well.
  const auto thrown = [] {
    try {
      return make<staged<stage<14, context::any, placement::inside, 1500>>>();
    } catch (const make_failed& failed) {
      expect(failed.why() == make_failure::memory, "make() says why");
      return ref<staged<stage<14, context::any, placement::inside, 1500>>,
                 stage<14, context::any, placement::inside, 1500>>();
    }
  };
  again("make() that throws", thrown).drop();
}

// ---- counts per CPU, pins, slots -------------------------------------------------------------------

void per_cpu_counts() {
  auto owner = new_one<counted_per_cpu>("make, counted per CPU");
  auto bare = owner.share<stage<9, context::any, placement::inside, 200>>();
  {
    auto more = promote_live<in_use>(bare);
    expect(static_cast<bool>(more), "promote_live before the kill");
  }
  expect(kill(
             owner, +[](in_use&) noexcept { ++confirmed; }),
         "kill");
  owner.drop();
  worker::flush();
  expect(!bare.promote<in_use>(), "it is over");
}

void pins() {
  auto user = new_one<pinned>("make, to be pinned");
  lazy_pin<pinned> active;
  active.borrow(user);
  user.drop();
  expect(static_cast<bool>(active), "the pin keeps it");
  active.give_back();
  worker::flush();
}

void slots() {
  slot<ref<all_inside, stage<0, context::process>>> shared(new_one<all_inside>("make, for a slot"));
  auto copy = shared.load();
  shared.exchange({}).drop();
  copy.drop();
}

// ---- threads and processes -------------------------------------------------------------------------

void worker_thread() {
  lives<all_inside>("make, for the worker");
  expect(worker::flush(), "flush");
  expect(worker::shutdown(), "shutdown");
  {
    auto last = new_one<all_inside>("make, after a shutdown");
    const context::scope low{context::any};
    last.drop();
  }
  again("start", [] { return worker::start(); });
  expect(worker::flush(), "flush after a new start");
}

void other_threads() {
  // Their lists of free memory, which the pool asks to be told of the end of.
  faults::on_a_thread([] {
    lives<all_inside>("make, on a thread");
    lives<all_outside>("make, on a thread, all tiers outside");
  });
}

void a_child() {
  const pid_t child = again("fork", [] {
    const pid_t born = fork();
    return born < 0 ? 0 : born == 0 ? -1 : born;
  });
  if (child < 0) {
    lives<all_inside>("make, in a child");
    _exit(worker::flush() ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {}
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ends well");
}

}  // namespace

int main() {
  shapes();
  per_cpu_counts();
  pins();
  slots();
  worker_thread();
  other_threads();
  a_child();
  expect(worker::shutdown(), "shutdown at the end");
  expect(worker::counters().pending == 0, "nothing is pending");
  expect(alive == 0, "no tier is left");
  expect(confirmed == 1, "the kill is confirmed");
  trim<all_inside>();
  return faults::told();
}
