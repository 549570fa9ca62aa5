// SPDX-License-Identifier: Apache-2.0
// The reclaimer that posts to an executor of the user's own.
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct tag;
using P = own_threads<tag>;

/// An executor as programs have them: a queue under a mutex. (So not for signal handlers.)
template <class Tag>
struct queue_of {
  using work = trefoil::deferred_work<P, queue_of>;
  static void post(work w) noexcept {
    const std::lock_guard guard(mutex);
    queue.push_back(std::move(w));
  }
  static std::optional<work> next() {
    const std::lock_guard guard(mutex);
    if (queue.empty()) return std::nullopt;
    std::optional<work> w(std::move(queue.front()));
    queue.pop_front();
    return w;
  }
  static int run_all() {
    int n = 0;
    while (auto w = next()) {
      (*w)();
      ++n;
    }
    return n;
  }
  static inline std::mutex mutex;
  static inline std::deque<work> queue;
};

template <class Tag>
using executor = trefoil::basic_executor<P, queue_of<Tag>>;
template <context::level Level, class Tag>
using act = action<P, Level, executor<Tag>>;
template <class Tag, context::level L0, context::level L1>
using two = trefoil::basic_staged<traits_on<P, executor<Tag>>, noted<P, 0, L0>, noted<P, 1, L1>>;

struct basics;
static_assert(sizeof(queue_of<basics>::work) == sizeof(void*));
static_assert(!std::is_copy_constructible_v<queue_of<basics>::work>);
static_assert(std::is_nothrow_move_constructible_v<queue_of<basics>::work>);

TEST(executor, posts_what_the_drop_may_not_run) {
  using T = two<basics, context::process, context::atomic>;
  journal log;
  drop_at<P>(context::atomic, make_noted<T>(1, log));
  drop_at<P>(context::atomic, make_noted<T>(2, log));
  EXPECT_EQ(executor<basics>::counters().pending, 2U);
  EXPECT_EQ(log.size(), 0U);
  std::thread([] { EXPECT_EQ(queue_of<basics>::run_all(), 2); }).join();
  EXPECT_EQ(log.objects(), (std::vector<int>{1, 1, 2, 2}));
  EXPECT_EQ(executor<basics>::counters().pending, 0U);
  EXPECT_EQ(executor<basics>::counters().peak, 2U);
  EXPECT_EQ(executor<basics>::counters().run, 2U);
}

struct low;

TEST(executor, run_at_too_low_a_level_it_is_posted_again) {
  using T = two<low, context::atomic, context::process>;
  journal log;
  drop_at<P>(context::any, make_noted<T>(1, log));
  auto take = [] {
    auto w = queue_of<low>::next();
    EXPECT_TRUE(w.has_value());
    return w;
  };
  {
    auto w = take();
    const scope<P> here(context::any);
    (*w)();
    (*w)();  // once only
  }
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(executor<low>::counters().pending, 1U);
  {
    auto w = take();
    const scope<P> here(context::atomic);
    (*w)();
  }
  EXPECT_EQ(log.size(), 1U);  // the first stage; the second needs more
  EXPECT_EQ(executor<low>::counters().pending, 1U);
  (*take())();
  EXPECT_EQ(log.size(), 2U);
  EXPECT_EQ(executor<low>::counters().pending, 0U);
  EXPECT_EQ(executor<low>::counters().run, 3U);
  EXPECT_EQ(queue_of<low>::run_all(), 0);
}

struct through_c;

TEST(executor, detach_and_adopt) {
  using T = two<through_c, context::process, context::any>;
  using work = queue_of<through_c>::work;
  journal log;
  drop_at<P>(context::any, make_noted<T>(1, log));
  auto taken = queue_of<through_c>::next();
  ASSERT_TRUE(taken);
  void* const pointer = std::move(*taken).detach();
  ASSERT_NE(pointer, nullptr);
  (*taken)();  // has nothing any more
  EXPECT_EQ(log.size(), 0U);
  work back = work::adopt(pointer);
  work moved = std::move(back);
  back();
  EXPECT_EQ(log.size(), 0U);
  moved();
  EXPECT_EQ(log.size(), 2U);
  moved();
  EXPECT_EQ(log.size(), 2U);
}

struct assigned;

TEST(executor, move_assignment) {
  using T = two<assigned, context::process, context::any>;
  journal log;
  drop_at<P>(context::any, make_noted<T>(1, log));
  drop_at<P>(context::any, make_noted<T>(2, log));
  auto a = queue_of<assigned>::next();
  auto b = queue_of<assigned>::next();
  ASSERT_TRUE(a && b);
  (*a)();
  *a = std::move(*b);
  (*b)();
  EXPECT_EQ(log.size(), 2U);
  (*a)();
  EXPECT_EQ(log.objects(), (std::vector<int>{1, 1, 2, 2}));
}

struct nested;

TEST(executor, in_a_teardown_it_runs_after_it) {
  using T = two<nested, context::process, context::any>;
  journal log;
  drop_at<P>(context::any, make_noted<T>(1, log));
  auto w = queue_of<nested>::next();
  ASSERT_TRUE(w);
  trefoil::make<act<context::process, nested>>([&] {
    (*w)();
    EXPECT_EQ(log.size(), 0U);
  }).drop();
  EXPECT_EQ(log.size(), 2U);
  EXPECT_EQ(executor<nested>::counters().pending, 0U);
}

struct leaky;

TEST(executor, work_that_is_never_called_stays_pending) {
  // Documented: it leaks its object. Kept here, so that a leak checker sees an owner.
  static std::vector<void*> kept;
  drop_at<P>(context::any, trefoil::make<act<context::process, leaky>>());
  auto w = queue_of<leaky>::next();
  ASSERT_TRUE(w);
  kept.push_back(std::move(*w).detach());
  w.reset();
  EXPECT_EQ(executor<leaky>::counters().pending, 1U);
  queue_of<leaky>::work::adopt(kept.front())();
  EXPECT_EQ(executor<leaky>::counters().pending, 0U);
}

struct busy;

TEST(executor, many_droppers_many_threads) {
  constexpr int droppers = 2;
  const int each = rounds(20'000);
  std::atomic<int> torn_down{0};
  std::atomic<int> at_it{droppers};
  std::vector<std::thread> crowd;
  for (int t = 0; t < droppers; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        drop_at<P>(context::atomic,
                   trefoil::make<act<context::process, busy>>([&] { torn_down.fetch_add(1); }));
      }
      at_it.fetch_sub(1);
    });
  }
  for (int t = 0; t < 2; ++t) {
    crowd.emplace_back([&] {
      while (queue_of<busy>::run_all() != 0 || at_it.load() != 0) std::this_thread::yield();
    });
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(torn_down.load(), droppers * each);
  EXPECT_EQ(executor<busy>::counters().pending, 0U);
  EXPECT_EQ(executor<busy>::counters().run, static_cast<std::uint64_t>(droppers * each));
}

}  // namespace
