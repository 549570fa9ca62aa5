// SPDX-License-Identifier: Apache-2.0
// Hand-back: drop_into(list), for the caller to run after its locks.
#include <atomic>
#include <mutex>
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
using worker = trefoil::basic_worker<P>;
using list = trefoil::basic_deferred_list<P>;
using context::any;
using context::atomic;
using context::process;
using outer_tier = noted<P, 0, process>;
using inner_tier = noted<P, 1, atomic>;
using T = trefoil::basic_staged<traits_on<P>, outer_tier, inner_tier>;

TEST(deferred_list, runs_in_the_order_of_the_drops) {
  journal log;
  list later;
  EXPECT_TRUE(later.empty());
  for (int i = 0; i < 5; ++i) {
    auto r = make_noted<T>(i, log);
    r.drop_into(later);
    EXPECT_FALSE(r);
    EXPECT_EQ(later.size(), static_cast<std::size_t>(i + 1));
  }
  EXPECT_EQ(log.size(), 0U);
  later.run();
  EXPECT_TRUE(later.empty());
  EXPECT_EQ(later.size(), 0U);
  EXPECT_EQ(log.objects(), (std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}));
  later.run();  // nothing left, nothing done
  EXPECT_EQ(log.size(), 10U);
  for (const teardown_seen& t : log.entries()) EXPECT_EQ(t.thread, std::this_thread::get_id());
}

TEST(deferred_list, takes_only_last_references) {
  journal log;
  list later;
  auto r = make_noted<T>(1, log);
  auto copy = r;
  r.drop_into(later);
  EXPECT_TRUE(later.empty());
  trefoil::ref<T, outer_tier> nothing;
  nothing.drop_into(later);
  EXPECT_TRUE(later.empty());
  auto bare = copy.share<inner_tier>();
  copy.drop_into(later);  // the last of the outer tier, not of the object
  EXPECT_EQ(later.size(), 1U);
  EXPECT_FALSE(bare.promote<outer_tier>());
  EXPECT_EQ(bare->object, 1);
  bare.drop_into(later);  // the waiting teardown still holds the inner tier
  EXPECT_EQ(later.size(), 1U);
  later.run();
  EXPECT_EQ(log.size(), 2U);
}

TEST(deferred_list, its_end_runs_what_is_left) {
  journal log;
  {
    list later;
    make_noted<T>(1, log).drop_into(later);
    make_noted<T>(2, log).drop_into(later);
    EXPECT_EQ(log.size(), 0U);
  }
  EXPECT_EQ(log.objects(), (std::vector<int>{1, 1, 2, 2}));
}

TEST(deferred_list, after_the_lock_that_the_teardown_takes) {
  std::mutex mutex;
  int torn_down = 0;
  auto r = trefoil::make<action<P, process>>([&] {
    const std::lock_guard guard(mutex);
    ++torn_down;
  });
  {
    list later;  // declared before the lock, so that it ends after it
    const std::lock_guard guard(mutex);
    r.drop_into(later);
    EXPECT_EQ(torn_down, 0);
  }
  EXPECT_EQ(torn_down, 1);
}

TEST(deferred_list, at_a_level_that_is_too_low_it_defers) {
  journal log;
  {
    list later;
    make_noted<T>(1, log).drop_into(later);
    const scope<P> here(atomic);
    later.run();
    EXPECT_TRUE(later.empty());
  }
  ASSERT_TRUE(worker::flush());
  ASSERT_EQ(log.size(), 2U);
  EXPECT_NE(log.entries()[0].thread, std::this_thread::get_id());
  EXPECT_EQ(log.entries()[0].level, process);
}

TEST(deferred_list, only_the_stage_that_is_not_allowed_is_deferred) {
  using U = trefoil::basic_staged<traits_on<P>, noted<P, 0, any>, noted<P, 1, process>>;
  journal log;
  list later;
  make_noted<U>(1, log).drop_into(later);
  {
    const scope<P> here(any);
    later.run();
  }
  ASSERT_TRUE(worker::flush());
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log.entries()[0].thread, std::this_thread::get_id());
  EXPECT_NE(log.entries()[1].thread, std::this_thread::get_id());
}

TEST(deferred_list, filled_at_any_and_run_later) {
  journal log;
  list later;
  std::vector<trefoil::ref<T, outer_tier>> refs;
  for (int i = 0; i < 3; ++i) refs.push_back(make_noted<T>(i, log));
  {
    const scope<P> here(any);
    for (auto& r : refs) r.drop_into(later);  // neither runs nor defers anything
  }
  EXPECT_EQ(worker::counters().pending, 0U);
  later.run();
  EXPECT_EQ(log.size(), 6U);
}

TEST(deferred_list, moves) {
  journal log;
  list a;
  make_noted<T>(1, log).drop_into(a);
  make_noted<T>(2, log).drop_into(a);
  list b(std::move(a));
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.size(), 0U);
  EXPECT_EQ(b.size(), 2U);
  make_noted<T>(3, log).drop_into(a);  // a moved-from list is an empty one
  EXPECT_EQ(a.size(), 1U);
  make_noted<T>(4, log).drop_into(b);
  EXPECT_EQ(log.size(), 0U);
  a = std::move(b);  // what `a` had runs now: a list does not lose teardowns
  EXPECT_EQ(log.objects(), (std::vector<int>{3, 3}));
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(a.size(), 3U);
  a.run();
  EXPECT_EQ(log.objects(), (std::vector<int>{3, 3, 1, 1, 2, 2, 4, 4}));
}

TEST(deferred_list, run_inside_a_teardown_runs_after_it) {
  journal log;
  auto a = make_noted<T>(1, log);
  auto b = make_noted<T>(2, log);
  trefoil::make<action<P, process>>([&] {
    list later;
    a.drop_into(later);
    later.run();
    EXPECT_TRUE(later.empty());
    b.drop_into(later);
    EXPECT_EQ(log.size(), 0U);
    // and the destructor, here, the same for what is left
  }).drop();
  EXPECT_EQ(log.size(), 4U);
}

TEST(deferred_list, may_be_filled_while_it_runs) {
  journal log;
  list later;
  auto second = make_noted<T>(2, log);
  auto first = trefoil::make<action<P, process>>([&] { second.drop_into(later); });
  first.drop_into(later);
  later.run();
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(later.size(), 1U);
  later.run();
  EXPECT_EQ(log.size(), 2U);
}

TEST(deferred_list, by_many_threads_under_one_mutex) {
  std::mutex mutex;
  std::atomic<int> torn_down{0};
  const auto make = [&] {
    return trefoil::make<action<P, process>>([&] {
      const std::lock_guard guard(mutex);  // would deadlock if the drop ran it
      torn_down.fetch_add(1);
    });
  };
  auto current = make();
  const int each = rounds(10'000);
  std::vector<std::thread> crowd;
  for (int t = 0; t < 3; ++t) {
    crowd.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        auto next = make();
        list later;
        const std::lock_guard guard(mutex);
        auto reader = current;
        current.drop_into(later);
        current = std::move(next);
        reader.drop_into(later);
      }
    });
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(torn_down.load(), 3 * each);
}

}  // namespace
