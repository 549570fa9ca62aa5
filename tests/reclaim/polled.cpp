// SPDX-License-Identifier: Apache-2.0
// The reclaimer without a thread: what runs when, and where, somebody polls.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct tag;
using P = own_threads<tag>;
template <class Tag>
using polled = trefoil::basic_polled<P, Tag>;
template <context::level Level, class Tag>
using act = action<P, Level, polled<Tag>>;
template <class Tag, context::level... Levels>
struct staged_on;
template <class Tag, context::level L0, context::level L1>
struct staged_on<Tag, L0, L1> {
  using type = trefoil::basic_staged<traits_on<P, polled<Tag>>, noted<P, 0, L0>, noted<P, 1, L1>>;
};

struct basics;

TEST(polled, runs_on_the_caller_in_order) {
  using reclaimer = polled<basics>;
  using T = staged_on<basics, context::process, context::any>::type;
  journal log;
  EXPECT_EQ(reclaimer::poll(), 0U);
  for (int i = 0; i < 5; ++i) drop_at<P>(context::any, make_noted<T>(i, log));
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(reclaimer::counters().pending, 5U);
  EXPECT_EQ(reclaimer::counters().peak, 5U);
  std::thread poller([] { EXPECT_EQ(reclaimer::poll(), 5U); });
  const auto id = poller.get_id();
  poller.join();
  ASSERT_EQ(log.size(), 10U);
  for (int i = 0; i < 10; ++i) {
    const teardown_seen t = log.entries()[static_cast<std::size_t>(i)];
    EXPECT_EQ(t.object, i / 2);
    EXPECT_EQ(t.stage, i % 2);
    EXPECT_EQ(t.thread, id);
    EXPECT_EQ(t.level, context::process);
  }
  EXPECT_EQ(reclaimer::counters().pending, 0U);
  EXPECT_EQ(reclaimer::counters().run, 5U);
  EXPECT_EQ(reclaimer::counters().wakeups, 0U);
}

struct some;

TEST(polled, no_more_than_asked_for) {
  using reclaimer = polled<some>;
  using T = staged_on<some, context::process, context::any>::type;
  journal log;
  for (int i = 0; i < 4; ++i) drop_at<P>(context::any, make_noted<T>(i, log));
  EXPECT_EQ(reclaimer::poll(0), 0U);
  EXPECT_EQ(log.size(), 0U);
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(reclaimer::poll(1), 1U);
    EXPECT_EQ(log.size(), 2 * i);
  }
  drop_at<P>(context::any, make_noted<T>(4, log));  // behind what is left of the first batch
  EXPECT_EQ(reclaimer::poll(), 2U);
  EXPECT_EQ(log.objects(), (std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}));
}

struct at_atomic;

TEST(polled, at_atomic_puts_back_what_needs_process) {
  using reclaimer = polled<at_atomic>;
  using both = staged_on<at_atomic, context::atomic, context::process>::type;
  using short_one = staged_on<at_atomic, context::atomic, context::any>::type;
  journal log;
  drop_at<P>(context::any, make_noted<both>(1, log));
  drop_at<P>(context::any, make_noted<short_one>(2, log));
  {
    const scope<P> here(context::atomic);
    static_cast<void>(reclaimer::poll());
  }
  // Of the first only the stage that `atomic` allows has gone.
  ASSERT_EQ(log.size(), 3U);
  const std::vector<teardown_seen> seen = log.entries();
  EXPECT_EQ(seen[0].object, 1);
  EXPECT_EQ(seen[0].stage, 0);
  EXPECT_EQ(seen[1].object, 2);
  EXPECT_EQ(seen[2].object, 2);
  for (const teardown_seen& t : seen) EXPECT_EQ(t.level, context::atomic);
  EXPECT_EQ(reclaimer::counters().pending, 1U);
  {  // Again and again: it stays, and no poll runs for ever.
    const scope<P> here(context::atomic);
    for (int i = 0; i < 3; ++i) static_cast<void>(reclaimer::poll());
  }
  EXPECT_EQ(log.size(), 3U);
  EXPECT_EQ(reclaimer::counters().pending, 1U);
  EXPECT_EQ(reclaimer::poll(), 1U);
  ASSERT_EQ(log.size(), 4U);
  EXPECT_EQ(log.entries()[3].stage, 1);
  EXPECT_EQ(reclaimer::counters().pending, 0U);
}

struct refusing;

TEST(polled, refused_at_any_in_teardowns_and_in_itself) {
  using reclaimer = polled<refusing>;
  const std::uint64_t before = P::reported(misuse::help_refused);
  {
    const scope<P> here(context::any);
    EXPECT_EQ(reclaimer::poll(), 0U);
  }
  const auto ask = [] {
    EXPECT_EQ(reclaimer::poll(), 0U);
    const scope<P> here(context::atomic);
    EXPECT_EQ(reclaimer::poll(), 0U);
  };
  trefoil::make<act<context::process, refusing>>(ask).drop();
  drop_at<P>(context::any, trefoil::make<act<context::process, refusing>>(ask));
  EXPECT_EQ(reclaimer::poll(), 1U);
  EXPECT_EQ(P::reported(misuse::help_refused), before + 5);
}

struct left;
struct right;

TEST(polled, tags_are_independent) {
  journal log;
  using L = staged_on<left, context::process, context::any>::type;
  using R = staged_on<right, context::process, context::any>::type;
  drop_at<P>(context::any, make_noted<L>(1, log));
  drop_at<P>(context::any, make_noted<R>(2, log));
  drop_at<P>(context::any, make_noted<R>(3, log));
  EXPECT_EQ(polled<left>::counters().pending, 1U);
  EXPECT_EQ(polled<right>::counters().pending, 2U);
  EXPECT_EQ(polled<right>::poll(), 2U);
  EXPECT_EQ(log.objects(), (std::vector<int>{2, 2, 3, 3}));
  EXPECT_EQ(polled<left>::counters().pending, 1U);
  EXPECT_EQ(polled<left>::poll(), 1U);
}

struct from_left;
struct to_right;

TEST(polled, one_tags_teardown_defers_to_another) {
  journal log;
  using R = staged_on<to_right, context::process, context::any>::type;
  auto other = make_noted<R>(1, log);
  drop_at<P>(context::any, trefoil::make<act<context::process, from_left>>([&other] {
               drop_at<P>(context::any, std::move(other));
               EXPECT_EQ(polled<to_right>::poll(), 0U);  // refused: inside a teardown
             }));
  EXPECT_EQ(polled<from_left>::poll(), 1U);
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(polled<to_right>::counters().pending, 1U);
  EXPECT_EQ(polled<to_right>::poll(), 1U);
  EXPECT_EQ(log.size(), 2U);
}

struct generations;

TEST(polled, what_is_deferred_again_runs_in_the_same_poll) {
  using reclaimer = polled<generations>;
  std::atomic<int> torn_down{0};
  auto inner = trefoil::make<act<context::process, generations>>([&] { torn_down.fetch_add(1); });
  auto outer = trefoil::make<act<context::process, generations>>([&] {
    torn_down.fetch_add(1);
    drop_at<P>(context::any, std::move(inner));
  });
  drop_at<P>(context::any, std::move(outer));
  EXPECT_EQ(reclaimer::poll(1), 2U);
  EXPECT_EQ(torn_down.load(), 2);
}

struct one_at_a_time;

TEST(polled, one_thread_at_a_time) {
  using reclaimer = polled<one_at_a_time>;
  using object = act<context::process, one_at_a_time>;
  std::latch began{1};
  std::latch go{1};
  drop_at<P>(context::any, trefoil::make<object>([&] {
               began.count_down();
               go.wait();
             }));
  std::thread poller([] { EXPECT_EQ(reclaimer::poll(), 2U); });
  began.wait();
  drop_at<P>(context::any, trefoil::make<object>());
  EXPECT_EQ(reclaimer::poll(), 0U);  // does not wait for the other
  EXPECT_EQ(reclaimer::counters().pending, 1U);
  go.count_down();
  poller.join();  // took what came meanwhile
  EXPECT_EQ(reclaimer::counters().pending, 0U);
}

struct crowd_tag;

TEST(polled, drops_while_others_poll) {
  using reclaimer = polled<crowd_tag>;
  using object = act<context::process, crowd_tag>;
  constexpr int droppers = 2;
  const int each = rounds(50'000);
  std::atomic<int> torn_down{0};
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> crowd;
  for (int t = 0; t < droppers; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        drop_at<P>(i % 2 == 0 ? context::any : context::atomic, trefoil::make<object>([&] {
                     const int now = inside.fetch_add(1) + 1;
                     if (now > most_inside.load()) most_inside = now;
                     torn_down.fetch_add(1);
                     inside.fetch_sub(1);
                   }));
      }
    });
  }
  std::vector<std::thread> pollers;
  std::atomic<std::size_t> polled_sum{0};
  for (int t = 0; t < 2; ++t) {
    pollers.emplace_back([&, t] {
      while (!stop) { polled_sum += t == 0 ? reclaimer::poll() : reclaimer::poll(3); }
    });
  }
  for (std::thread& t : crowd) t.join();
  stop = true;
  for (std::thread& t : pollers) t.join();
  polled_sum += reclaimer::poll();
  EXPECT_EQ(torn_down.load(), droppers * each);
  EXPECT_EQ(polled_sum.load(), static_cast<std::size_t>(droppers * each));
  EXPECT_EQ(most_inside.load(), 1);
  EXPECT_EQ(reclaimer::counters().pending, 0U);
  EXPECT_EQ(reclaimer::counters().run, static_cast<std::uint64_t>(droppers * each));
  EXPECT_LE(reclaimer::counters().peak, static_cast<std::uint64_t>(droppers * each));
}

}  // namespace
