// SPDX-License-Identifier: Apache-2.0
// Another thread polls at every point of a drop that defers: what it finds has been counted before.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "../signals/stepping.hpp"
#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

/// Points of the thread that drops. At the `left`-th one `meanwhile` happens, once.
struct points {
  static inline constinit thread_local int left = 0;
  static inline void (*meanwhile)() = nullptr;

  static void pass() {
    if (left > 0 && --left == 0) meanwhile();
  }
};

struct stepped : own_threads<stepped> {
  template <class T>
  using atomic = stepping::atomic<points, T>;
  template <class T>
  using cell = stepping::cell<points, T>;

  static context::state<stepped>& state() noexcept {
    static constinit thread_local context::state<stepped> here;
    return here;
  }
};

using P = stepped;
struct tag;
using polled = trefoil::basic_polled<P, tag>;
using object = action<P, context::process, polled>;

std::atomic<std::uint64_t> found{0};

/// Looks at the counters, then polls, one teardown at a time. Nobody else is at anything: the thread
/// that drops waits for this one.
void poll_until_empty() {
  std::thread([] {
    for (;;) {
      const trefoil::reclaimer_counters before = polled::counters();
      const std::size_t n = polled::poll(1);
      const trefoil::reclaimer_counters after = polled::counters();
      EXPECT_LE(n, before.pending) << "there was one that was not pending";
      EXPECT_EQ(after.run, before.run + n);
      if (n == 0) return;
      found += n;
    }
  }).join();
}

/// `earlier` others are in the queue already.
void at_each_point_of_a_drop(int earlier, context::level level) {
  int at = 1;
  for (bool happened = true; happened; ++at) {
    SCOPED_TRACE("at point " + std::to_string(at));
    std::atomic<int> torn_down{0};
    const auto make_one = [&] {
      return trefoil::make<object>([&torn_down] { torn_down.fetch_add(1); });
    };
    found = 0;
    const std::uint64_t run = polled::counters().run;
    for (int i = 0; i < earlier; ++i) drop_at<P>(level, make_one());
    auto last = make_one();
    points::meanwhile = &poll_until_empty;
    points::left = at;
    drop_at<P>(level, std::move(last));
    happened = points::left == 0;
    points::left = 0;
    poll_until_empty();
    const auto all = static_cast<std::uint64_t>(earlier) + 1;
    ASSERT_EQ(found.load(), all);
    ASSERT_EQ(torn_down.load(), earlier + 1);
    ASSERT_EQ(polled::counters().run, run + all);
    ASSERT_EQ(polled::counters().pending, 0U);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(at, 10);
}

TEST(polled_points, of_a_drop_that_defers) {
  for (const context::level level : {context::any, context::atomic}) {
    for (const int earlier : {0, 1, 3}) {
      at_each_point_of_a_drop(earlier, level);
      if (HasFailure()) return;
    }
  }
  EXPECT_EQ(P::reported_at_all(), 0U);
}

}  // namespace
