// SPDX-License-Identifier: Apache-2.0
// flush(): what it waits for, where it is refused; that no wake-up is lost.
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct tag;
using P = own_threads<tag>;
using worker = trefoil::basic_worker<P>;
template <context::level Level>
using act = action<P, Level>;

/// An object whose teardown opens a low scope and drops `fan` more of its kind, and so on.
trefoil::ref<act<context::process>> generations(int depth, int fan, std::atomic<int>& torn_down) {
  std::vector<trefoil::ref<act<context::process>>> next;
  if (depth > 1) {
    for (int i = 0; i < fan; ++i) next.push_back(generations(depth - 1, fan, torn_down));
  }
  return trefoil::make<act<context::process>>([next = std::move(next), &torn_down]() mutable {
    const scope<P> low(context::any);
    next.clear();
    torn_down.fetch_add(1);
  });
}

TEST(worker_flush, waits_for_all_generations) {
  for (int round = 0; round < rounds(200); ++round) {
    std::atomic<int> torn_down{0};
    drop_at<P>(context::any, generations(6, 3, torn_down));
    ASSERT_TRUE(worker::flush());
    ASSERT_EQ(torn_down.load(), 1 + 3 + 9 + 27 + 81 + 243);
    ASSERT_EQ(worker::counters().pending, 0U);
  }
}

TEST(worker_flush, waits_for_what_a_deep_scope_hands_outwards) {
  // Scopes inside teardowns drain their own lists only so deep; what they hand outwards counts too.
  std::atomic<int> torn_down{0};
  std::function<void(int)> descend = [&](int depth) {
    const scope<P> low(context::atomic);
    auto leaf = trefoil::try_make<act<context::process>>([&] { torn_down.fetch_add(1); });
    auto next = trefoil::try_make<act<context::atomic>>([&, depth] {
      torn_down.fetch_add(1);
      if (depth > 1) descend(depth - 1);
    });
    ASSERT_TRUE(leaf && next);
  };
  std::vector<trefoil::ref<act<context::atomic>>>
      at_hand;  // try_make at `atomic` needs free blocks
  for (int i = 0; i < 100; ++i) at_hand.push_back(trefoil::make<act<context::atomic>>());
  at_hand.clear();
  constexpr int depth = 3 * static_cast<int>(context::deepest_drain);
  trefoil::make<act<context::process>>([&] { descend(depth); }).drop();
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(torn_down.load(), 2 * depth);
}

TEST(worker_flush, sees_everything_deferred_before_it_with_others_at_it) {
  constexpr int threads = 4;
  const int each = rounds(3000);
  std::atomic<int> wrong{0};
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t) {
    crowd.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        std::atomic<int> mine{0};
        const int fan = 1 + (i + t) % 3;
        drop_at<P>(i % 2 == 0 ? context::any : context::atomic, generations(2, fan, mine));
        if (!worker::flush() || mine.load() != 1 + fan) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(worker::counters().pending, 0U);
}

TEST(worker_flush, sees_what_another_thread_deferred_before_it) {
  std::atomic<int> torn_down{0};
  for (int i = 0; i < rounds(500); ++i) {
    std::thread([&] { drop_at<P>(context::any, generations(1, 0, torn_down)); }).join();
    ASSERT_TRUE(worker::flush());
    ASSERT_EQ(torn_down.load(), i + 1);
  }
}

TEST(worker_flush, refused_where_it_could_not_end) {
  const std::uint64_t before = P::reported(misuse::flush_refused);
  {
    const scope<P> here(context::atomic);
    EXPECT_FALSE(worker::flush());
    EXPECT_FALSE(worker::shutdown());
  }
  {
    const scope<P> here(context::any);
    EXPECT_FALSE(worker::flush());
  }
  EXPECT_EQ(P::reported(misuse::flush_refused), before + 3);

  std::atomic<int> answers{0};
  const auto ask = [&answers] {
    if (!worker::flush()) answers.fetch_add(1);
    if (!worker::shutdown()) answers.fetch_add(1);
    const scope<P> same_level(P::state().here());  // a scope hides neither teardown nor reclaimer
    if (!worker::flush()) answers.fetch_add(1);
  };
  trefoil::make<act<context::process>>(ask).drop();  // in a teardown, inline
  EXPECT_EQ(answers.load(), 3);
  drop_at<P>(context::any, trefoil::make<act<context::process>>(ask));  // in the worker
  EXPECT_TRUE(worker::flush());
  EXPECT_EQ(answers.load(), 6);
  EXPECT_EQ(P::reported(misuse::flush_refused), before + 9);
}

/// A platform that itself asks where it should not: each time the worker looks for its next teardown,
/// between two of them.
struct asks_in_between : own_threads<asks_in_between> {
  static context::state<asks_in_between>& state() noexcept {
    static constinit thread_local context::state<asks_in_between> here;
    return here;
  }
  static void enter(trefoil::region where) noexcept {
    const auto& here = state();
    if (where != trefoil::region::reclaimer || !here.at_rest() || here.runner() == nullptr) return;
    using own_worker = trefoil::basic_worker<asks_in_between>;
    const std::uint64_t before = reported(misuse::help_refused);
    // help() first: refused, it says so; otherwise flush() would wait for ever.
    if (own_worker::help() != 0 || reported(misuse::help_refused) != before + 1) {
      wrong.fetch_add(1);
    } else if (own_worker::flush()) {
      wrong.fetch_add(1);
    }
    asked.fetch_add(1);
  }
  static void leave(trefoil::region) noexcept {}

  static inline std::atomic<int> asked{0};
  static inline std::atomic<int> wrong{0};
};

TEST(worker_flush, refused_on_the_worker_between_two_teardowns) {
  using A = asks_in_between;
  constexpr int many = 10;
  std::atomic<int> torn_down{0};
  {
    const held_worker<A> held;
    for (int i = 0; i < many; ++i) {
      drop_at<A>(context::any,
                 trefoil::make<action<A, context::process>>([&] { torn_down.fetch_add(1); }));
    }
  }
  EXPECT_EQ(torn_down.load(), many);
  EXPECT_GE(A::asked.load(), many);
  EXPECT_EQ(A::wrong.load(), 0);
}

TEST(worker_flush, no_wake_up_is_lost) {
  // The worker goes to sleep as often as it can while two threads push. A lost wake-up leaves a
  // barrier unpassed, and the test does not end.
  const int each = rounds(50'000);
  std::atomic<int> torn_down{0};
  const auto push = [&] {
    for (int i = 0; i < each; ++i) {
      drop_at<P>(context::any,
                 trefoil::make<act<context::process>>([&] { torn_down.fetch_add(1); }));
      if (!worker::flush()) return;
    }
  };
  std::thread first(push);
  std::thread second(push);
  first.join();
  second.join();
  EXPECT_EQ(torn_down.load(), 2 * each);
  const trefoil::reclaimer_counters c = worker::counters();
  EXPECT_EQ(c.pending, 0U);
  EXPECT_GT(c.wakeups, 0U);
}

TEST(worker_flush, no_wake_up_is_lost_without_a_flush) {
  // As above, but only the teardown itself lets the pusher go on: nothing else wakes the worker.
  const int each = rounds(20'000);
  const auto push = [&] {
    std::atomic<int> torn_down{0};
    for (int i = 0; i < each; ++i) {
      drop_at<P>(context::any, trefoil::make<act<context::process>>([&] {
                   torn_down.fetch_add(1);
                   torn_down.notify_all();
                 }));
      torn_down.wait(i);
    }
    // The last teardown may still be about to notify.
    worker::flush();
  };
  std::thread first(push);
  std::thread second(push);
  first.join();
  second.join();
  EXPECT_EQ(worker::counters().pending, 0U);
}

}  // namespace
