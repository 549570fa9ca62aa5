// SPDX-License-Identifier: Apache-2.0
// The end of the worker, life without it, and its return.
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct life;

TEST(worker_shutdown, what_works_without_a_thread) {
  using P = own_threads<life>;
  using worker = trefoil::basic_worker<P>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>,
                                  noted<P, 1, context::atomic>>;
  journal log;
  const auto me = std::this_thread::get_id();

  ASSERT_TRUE(worker::shutdown());  // before there was a thread: starts none for long
  auto a = make_noted<T>(1, log);
  drop_at<P>(context::any, std::move(a));
  ASSERT_TRUE(worker::flush());
  ASSERT_EQ(log.size(), 2U);

  auto b = make_noted<T>(2, log);
  ASSERT_TRUE(worker::start());
  drop_at<P>(context::any, std::move(b));
  ASSERT_TRUE(worker::shutdown());  // runs what is queued
  ASSERT_EQ(log.size(), 4U);
  ASSERT_TRUE(worker::shutdown());  // a second one finds nothing to do

  make_noted<T>(3, log).drop();  // `process` drops run inline as ever
  ASSERT_EQ(log.size(), 6U);
  EXPECT_EQ(log.entries().back().thread, me);

  const std::uint64_t run = worker::counters().run;
  for (int i = 4; i < 10; ++i) {
    auto r = make_noted<T>(i, log);  // does not start it behind our back
    drop_at<P>(i % 2 == 0 ? context::any : context::atomic, std::move(r));
  }
  EXPECT_EQ(worker::counters().pending, 6U);
  EXPECT_EQ(log.size(), 6U);
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(worker::counters().pending, 0U);
  EXPECT_EQ(worker::counters().run, run + 6);
  ASSERT_EQ(log.size(), 18U);
  for (std::size_t i = 6; i < 18; ++i) {
    const teardown_seen t = log.entries()[i];
    EXPECT_EQ(t.thread, me);
    EXPECT_EQ(t.level, context::process);
    EXPECT_EQ(t.object, 4 + static_cast<int>(i - 6) / 2);
  }

  // The last of these stays queued over the restart, which runs it.
  drop_at<P>(context::any, make_noted<T>(10, log));
  ASSERT_TRUE(worker::start());
  ASSERT_TRUE(worker::start());  // there is one
  ASSERT_TRUE(worker::flush());
  ASSERT_EQ(log.size(), 20U);
  EXPECT_NE(log.entries().back().thread, me);
  EXPECT_EQ(P::reported_at_all(), 0U);
}

struct generations;

TEST(worker_shutdown, a_flush_without_a_thread_runs_generations_too) {
  using P = own_threads<generations>;
  using worker = trefoil::basic_worker<P>;
  std::atomic<int> torn_down{0};
  auto inner = trefoil::make<action<P, context::process>>([&] { torn_down.fetch_add(1); });
  auto outer = trefoil::make<action<P, context::process>>([&] {
    torn_down.fetch_add(1);
    drop_at<P>(context::any, std::move(inner));
  });
  ASSERT_TRUE(worker::shutdown());
  drop_at<P>(context::any, std::move(outer));
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(torn_down.load(), 2);
  EXPECT_EQ(worker::counters().pending, 0U);
}

struct contended;

TEST(worker_shutdown, with_others_deferring_and_flushing) {
  using P = own_threads<contended>;
  using worker = trefoil::basic_worker<P>;
  const int each = rounds(10'000);
  std::atomic<int> torn_down{0};
  std::atomic<int> wrong{0};
  std::atomic<int> at_it{2};
  std::vector<std::thread> crowd;
  for (int t = 0; t < 2; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        std::atomic<bool> mine{false};
        drop_at<P>(context::any, trefoil::make<action<P, context::process>>([&] {
                     torn_down.fetch_add(1);
                     mine = true;
                   }));
        // Worker or not: the flush ends, and ours has run.
        if (!worker::flush() || !mine) wrong.fetch_add(1);
      }
      at_it.fetch_sub(1);
    });
  }
  int cycles = 0;
  while (at_it.load() != 0) {
    if (!worker::shutdown() || !worker::start()) wrong.fetch_add(1);
    ++cycles;
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(torn_down.load(), 2 * each);
  EXPECT_EQ(worker::counters().pending, 0U);
  EXPECT_GT(cycles, 0);
}

struct two_at_once;

TEST(worker_shutdown, two_shutdowns_at_once) {
  using P = own_threads<two_at_once>;
  using worker = trefoil::basic_worker<P>;
  for (int i = 0; i < rounds(500); ++i) {
    ASSERT_TRUE(worker::start());
    std::atomic<int> done{0};
    std::thread other([&] { done += worker::shutdown() ? 1 : 0; });
    done += worker::shutdown() ? 1 : 0;
    other.join();
    ASSERT_EQ(done.load(), 2);
    drop_at<P>(context::any, trefoil::make<action<P, context::process>>());
    ASSERT_EQ(worker::counters().pending, 1U);  // there is no thread that could have run it
    ASSERT_TRUE(worker::flush());
  }
}

// ---- a thread that cannot be had -----------------------------------------------------------------

/// Refuses its first thread after somebody waits for it.
struct refuses_first : own_threads<refuses_first> {
  static context::state<refuses_first>& state() noexcept {
    static constinit thread_local context::state<refuses_first> here;
    return here;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    waiting = true;
    waiting.notify_all();
    threads::wait(word, expected);
  }
  static bool start_thread(void (*run)()) noexcept {
    if (refused.exchange(true)) return threads::start_thread(run);
    starting = true;
    starting.notify_all();
    waiting.wait(false);
    return false;
  }
  static inline std::atomic<bool> starting{false};
  static inline std::atomic<bool> waiting{false};
  static inline std::atomic<bool> refused{false};
};

TEST(worker_shutdown, a_flush_that_relied_on_a_thread_that_never_came) {
  using P = refuses_first;
  using worker = trefoil::basic_worker<P>;
  std::thread starter([] { worker::start(); });
  P::starting.wait(false);
  EXPECT_TRUE(worker::flush());  // waits: a thread is about to begin. It is not.
  starter.join();
}

/// A place where no thread can be had.
struct refuses_always : own_threads<refuses_always> {
  static context::state<refuses_always>& state() noexcept {
    static constinit thread_local context::state<refuses_always> here;
    return here;
  }
  static bool start_thread(void (*)()) noexcept { return false; }
};

TEST(worker_shutdown, without_any_thread_ever) {
  using P = refuses_always;
  using worker = trefoil::basic_worker<P>;
  std::atomic<int> torn_down{0};
  for (int i = 0; i < 3; ++i) {
    drop_at<P>(context::any,
               trefoil::make<action<P, context::process>>([&] { torn_down.fetch_add(1); }));
  }
  EXPECT_FALSE(worker::start());
  EXPECT_EQ(worker::counters().pending, 3U);
  EXPECT_TRUE(worker::flush());
  EXPECT_EQ(torn_down.load(), 3);
  EXPECT_TRUE(worker::shutdown());
  EXPECT_FALSE(worker::start());
}

}  // namespace
