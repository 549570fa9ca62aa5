// SPDX-License-Identifier: Apache-2.0
// help() and set_limit(): where the backlog is bounded, and who works it off.
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

// ---- help ----------------------------------------------------------------------------------------

struct helping;
using H = own_threads<helping>;

TEST(worker_help, runs_on_the_caller_when_there_is_no_worker) {
  using worker = trefoil::basic_worker<H>;
  using T = trefoil::basic_staged<traits_on<H>, noted<H, 0, context::process>>;
  journal log;
  std::vector<trefoil::ref<T>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(make_noted<T>(i, log));
  ASSERT_TRUE(worker::shutdown());
  for (auto& r : refs) drop_at<H>(context::any, std::move(r));
  EXPECT_EQ(worker::help(3), 3U);
  EXPECT_EQ(log.objects(), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(worker::counters().pending, 7U);
  EXPECT_EQ(worker::help(), 7U);
  EXPECT_EQ(worker::help(), 0U);
  for (const teardown_seen& t : log.entries()) {
    EXPECT_EQ(t.thread, std::this_thread::get_id());
    EXPECT_EQ(t.level, context::process);
  }
  EXPECT_EQ(worker::counters().pending, 0U);
  ASSERT_TRUE(worker::start());
}

TEST(worker_help, does_nothing_while_the_worker_is_at_it) {
  using worker = trefoil::basic_worker<H>;
  const held_worker<H> held;
  drop_at<H>(context::any, trefoil::make<action<H, context::process>>());
  EXPECT_EQ(worker::help(), 0U);  // and does not wait
  EXPECT_EQ(worker::counters().pending, 1U);
}

TEST(worker_help, refused_in_teardowns_in_the_worker_and_below_process) {
  using worker = trefoil::basic_worker<H>;
  const std::uint64_t before = H::reported(misuse::help_refused);
  for (const context::level level : {context::any, context::atomic}) {
    const scope<H> here(level);
    EXPECT_EQ(worker::help(), 0U);
  }
  const auto ask = [] { EXPECT_EQ(worker::help(), 0U); };
  trefoil::make<action<H, context::process>>(ask).drop();
  drop_at<H>(context::any, trefoil::make<action<H, context::process>>(ask));
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(H::reported(misuse::help_refused), before + 4);
}

TEST(worker_help, what_is_deferred_again_runs_within) {
  using worker = trefoil::basic_worker<H>;
  std::atomic<int> torn_down{0};
  auto inner = trefoil::make<action<H, context::process>>([&] { torn_down.fetch_add(1); });
  auto outer = trefoil::make<action<H, context::process>>(
      [&] { drop_at<H>(context::any, std::move(inner)); });
  ASSERT_TRUE(worker::shutdown());
  drop_at<H>(context::any, std::move(outer));
  EXPECT_EQ(worker::help(1), 2U);
  EXPECT_EQ(torn_down.load(), 1);
  ASSERT_TRUE(worker::start());
}

TEST(worker_help, many_helpers_and_the_worker) {
  using worker = trefoil::basic_worker<H>;
  constexpr int threads = 3;
  const int each = rounds(20'000);
  std::atomic<int> torn_down{0};
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        drop_at<H>(context::any,
                   trefoil::make<action<H, context::process>>([&] { torn_down.fetch_add(1); }));
        if (i % 8 == 0) static_cast<void>(worker::help(4));
      }
    });
  }
  for (std::thread& t : crowd) t.join();
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(torn_down.load(), threads * each);
  EXPECT_EQ(worker::counters().pending, 0U);
}

/// A place that has no thread to spare, and shows that somebody waits.
struct threadless : own_threads<threadless> {
  static context::state<threadless>& state() noexcept {
    static constinit thread_local context::state<threadless> here;
    return here;
  }
  static bool start_thread(void (*)()) noexcept { return false; }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    waiting = true;
    waiting.notify_all();
    threads::wait(word, expected);
  }
  static inline std::atomic<bool> waiting{false};
};

TEST(worker_help, a_barrier_is_not_a_teardown) {
  // help() says how many teardowns it ran; the barrier of another thread's flush() is none.
  using worker = trefoil::basic_worker<threadless>;
  std::thread flusher;
  drop_at<threadless>(context::any, trefoil::make<action<threadless, context::process>>([&] {
                        flusher = std::thread([] { worker::flush(); });
                        threadless::waiting.wait(false);  // its barrier is in the queue, behind us
                      }));
  EXPECT_EQ(worker::help(), 1U);
  flusher.join();
  EXPECT_EQ(worker::counters().run, 1U);
}

// ---- set_limit -----------------------------------------------------------------------------------

struct failing;

TEST(worker_limit, fail_fails_make_at_process_only) {
  using P = own_threads<failing>;
  using worker = trefoil::basic_worker<P>;
  using object = action<P, context::process>;
  using never_deferred = action<P, context::any>;
  worker::set_limit(5, trefoil::at_limit::fail);
  {
    const held_worker<P> held;
    for (int i = 0; i < 5; ++i) {
      auto r = trefoil::try_make<object>();
      ASSERT_TRUE(r) << i;
      drop_at<P>(context::any, std::move(r));
    }
    EXPECT_EQ(worker::counters().pending, 5U);
    EXPECT_FALSE(trefoil::try_make<object>());
    try {
      auto r = trefoil::make<object>();
      ADD_FAILURE() << "make() went through";
    } catch (const trefoil::make_failed& e) { EXPECT_EQ(e.why(), trefoil::make_failure::backlog); }
    EXPECT_TRUE(trefoil::try_make<never_deferred>());  // can add nothing to the backlog
    trefoil::make<never_deferred>().drop();            // leaves a block at hand
    {
      const scope<P> here(context::atomic);  // not a place where a limit acts
      trefoil::try_make<object>().drop();
    }
    worker::set_limit(0);
    EXPECT_TRUE(trefoil::try_make<object>());
    worker::set_limit(5, trefoil::at_limit::fail);
  }
  EXPECT_TRUE(trefoil::try_make<object>());
  worker::set_limit(0);
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(worker::counters().pending, 0U);
}

struct limited;

TEST(worker_limit, help_keeps_the_backlog_below) {
  using P = own_threads<limited>;
  using worker = trefoil::basic_worker<P>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>>;
  constexpr std::uint64_t limit = 10;
  journal log;
  auto first = make_noted<T>(0, log);
  ASSERT_TRUE(worker::shutdown());  // so that it is this thread or nobody
  worker::set_limit(limit, trefoil::at_limit::help);
  drop_at<P>(context::any, std::move(first));
  constexpr int many = 200;
  for (int i = 1; i < many; ++i) {
    auto r = make_noted<T>(i, log);
    EXPECT_LT(worker::counters().pending, limit);
    drop_at<P>(context::any, std::move(r));
  }
  EXPECT_EQ(worker::counters().pending, limit);
  EXPECT_EQ(worker::counters().peak, limit);
  EXPECT_EQ(log.size(), many - limit);
  for (const teardown_seen& t : log.entries()) EXPECT_EQ(t.thread, std::this_thread::get_id());
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(log.size(), static_cast<std::size_t>(many));
}

struct in_teardown;

TEST(worker_limit, a_make_in_a_teardown_does_not_help) {
  using P = own_threads<in_teardown>;
  using worker = trefoil::basic_worker<P>;
  using object = action<P, context::process>;
  auto a = trefoil::make<object>();
  auto b = trefoil::make<object>();
  auto outer = trefoil::make<object>([&] {
    EXPECT_TRUE(trefoil::try_make<object>());  // would run a teardown within a teardown
    EXPECT_EQ(worker::counters().pending, 2U);
  });
  ASSERT_TRUE(worker::shutdown());
  drop_at<P>(context::any, std::move(a));
  drop_at<P>(context::any, std::move(b));
  worker::set_limit(1, trefoil::at_limit::fail);
  outer.drop();
  worker::set_limit(0);
  ASSERT_TRUE(worker::flush());
}

struct crowded;

TEST(worker_limit, holds_with_many_makers) {
  using P = own_threads<crowded>;
  using worker = trefoil::basic_worker<P>;
  constexpr int threads = 4;
  constexpr std::uint64_t limit = 32;
  worker::set_limit(limit, trefoil::at_limit::help);
  std::atomic<int> torn_down{0};
  const int each = rounds(10'000);
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        drop_at<P>(context::any,
                   trefoil::make<action<P, context::process>>([&] { torn_down.fetch_add(1); }));
      }
    });
  }
  for (std::thread& t : crowd) t.join();
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(torn_down.load(), threads * each);
  // Each maker may add one after its own look.
  EXPECT_LT(worker::counters().peak, limit + threads);
}

}  // namespace
