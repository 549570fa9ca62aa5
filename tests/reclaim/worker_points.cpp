// SPDX-License-Identifier: Apache-2.0
// Another thread at every point of the worker's loop: while it wakes, runs, goes to sleep and ends,
// somebody defers, helps or flushes between two of its accesses to shared data. Races that a stress
// test meets once in a million rounds are met here once in each.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "../signals/stepping.hpp"
#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

/// Points of the worker's thread alone. At the `left`-th one `meanwhile` happens, once.
struct points {
  static inline constinit thread_local bool on_worker = false;
  // Not inside the pool: a worker that stands still there may hold its lock, for which others wait when
  // they make objects. (The explorer has the pool's points.)
  static inline constinit thread_local int in_pool = 0;
  static inline std::atomic<int> left{0};
  static inline std::function<void()> meanwhile;

  static void pass() {
    if (!on_worker || in_pool != 0 || left.load(std::memory_order_relaxed) == 0) return;
    if (left.fetch_sub(1) == 1) meanwhile();
  }
};

struct stepped : trefoil::threads {
  template <class T>
  using atomic = stepping::atomic<points, T>;
  template <class T>
  using cell = stepping::cell<points, T>;

  static context::state<stepped>& state() noexcept {
    static constinit thread_local context::state<stepped> here;
    return here;
  }
  static void report(misuse, const void*) noexcept { misuses.fetch_add(1); }
  static void enter(trefoil::region r) noexcept { points::in_pool += r == trefoil::region::pool; }
  static void leave(trefoil::region r) noexcept { points::in_pool -= r == trefoil::region::pool; }

  static bool start_thread(void (*run)()) noexcept {
    the_loop = run;
    gone = false;
    return threads::start_thread([] {
      points::on_worker = true;
      the_loop();
      gone = true;
      gone.notify_all();
    });
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    std::atomic<bool>& mine = points::on_worker ? asleep : waiting;
    mine = true;
    mine.notify_all();
    threads::wait(word, expected);
    if (points::on_worker) asleep = false;
  }

  static inline std::atomic<int> misuses{0};
  static inline std::atomic<bool> gone{false};     // the worker: past its last point
  static inline std::atomic<bool> asleep{false};   // the worker: set when the list is marked
  static inline std::atomic<bool> waiting{false};  // somebody else, since it was reset
  static inline void (*the_loop)() = nullptr;
};

using P = stepped;
using worker = trefoil::basic_worker<P>;
using object = action<P, context::process>;

std::atomic<int> torn_down{0};
auto make_one() {
  return trefoil::make<object>([] {
    torn_down.fetch_add(1);
    torn_down.notify_all();
  });
}

/// What happens at the point, and what it left behind.
struct somebody {
  std::thread flusher;
  std::atomic<bool> flushed{false};
  int deferred = 0;

  void defers(int n) {
    std::thread([n] {
      for (int i = 0; i < n; ++i) drop_at<P>(context::any, make_one());
    }).join();
    deferred += n;
  }
  static void helps() {
    std::thread([] { static_cast<void>(worker::help()); }).join();
  }
  /// Goes on as soon as the flush waits for the worker, which waits here.
  void flushes() {
    P::waiting = false;
    flusher = std::thread([this] {
      worker::flush();
      flushed = true;
      P::waiting = true;  // or has no need to
      P::waiting.notify_all();
    });
    P::waiting.wait(false);
  }
  void ends() {
    if (flusher.joinable()) flusher.join();
  }
};

using happening = void (*)(somebody&);

/// The worker wakes, runs one teardown and goes to sleep again.
void at_each_point_of_a_run(happening what) {
  int at = 1;
  for (bool happened = true; happened; ++at) {
    SCOPED_TRACE("at point " + std::to_string(at));
    somebody other;
    happened = false;
    points::meanwhile = [&] {
      happened = true;
      what(other);
    };
    torn_down = 0;
    worker::start();
    auto first = make_one();
    P::asleep.wait(false);
    points::left = at;
    drop_at<P>(context::any, std::move(first));
    // From here on this thread neither pushes nor wakes: what was deferred runs by itself.
    torn_down.wait(0);
    P::asleep.wait(false);  // it was awake when it ran the teardown
    points::left = 0;
    other.ends();
    while (torn_down.load() != 1 + other.deferred) std::this_thread::yield();
    ASSERT_EQ(worker::counters().pending, 0U);
    ASSERT_EQ(P::misuses.load(), 0);
  }
  EXPECT_GT(at, 10);
}

/// The worker is shut down, with a teardown in the queue.
void at_each_point_of_a_shutdown(happening what) {
  int at = 1;
  for (bool happened = true; happened; ++at) {
    SCOPED_TRACE("at point " + std::to_string(at));
    somebody other;
    happened = false;
    points::meanwhile = [&] {
      happened = true;
      what(other);
    };
    torn_down = 0;
    worker::start();
    auto first = make_one();
    P::asleep.wait(false);
    points::left = at;
    drop_at<P>(context::any, std::move(first));
    ASSERT_TRUE(worker::shutdown());
    P::gone.wait(false);  // shutdown() does not wait for the point after the worker's last access
    other.ends();
    points::left = 0;
    // What came too late for the worker is queued, and nobody has lost it.
    ASSERT_TRUE(worker::flush());
    ASSERT_EQ(torn_down.load(), 1 + other.deferred);
    ASSERT_EQ(worker::counters().pending, 0U);
    ASSERT_EQ(P::misuses.load(), 0);
  }
  EXPECT_GT(at, 10);
}

const happening defers_one = [](somebody& s) { s.defers(1); };
const happening defers_many = [](somebody& s) { s.defers(100); };  // more than one run() takes
const happening helps = [](somebody& s) {
  s.defers(1);
  somebody::helps();
};
const happening flushes = [](somebody& s) { s.flushes(); };
const happening defers_and_flushes = [](somebody& s) {
  s.defers(1);
  s.flushes();
};

TEST(worker_points, of_a_run) {
  for (const happening what : {defers_one, defers_many, helps, flushes, defers_and_flushes}) {
    at_each_point_of_a_run(what);
    if (HasFailure()) return;
  }
}

TEST(worker_points, of_a_shutdown) {
  for (const happening what : {defers_one, defers_many, helps, flushes, defers_and_flushes}) {
    at_each_point_of_a_shutdown(what);
    if (HasFailure()) return;
  }
}

}  // namespace
