// SPDX-License-Identifier: Apache-2.0
// What a drop does with a teardown that its level does not allow, and what the worker's counters say.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

constexpr std::array levels{context::any, context::atomic, context::process};

// ---- which stages are deferred -------------------------------------------------------------------

struct matrix;
using matrix_threads = own_threads<matrix>;
using matrix_worker = trefoil::basic_worker<matrix_threads>;

template <context::level L0, context::level L1, context::level L2>
using three = trefoil::basic_staged<traits_on<matrix_threads>, noted<matrix_threads, 0, L0>,
                                    noted<matrix_threads, 1, L1>, noted<matrix_threads, 2, L2>>;

/// So many stages went, inline up to the first that the level does not allow; that one and all inside
/// it on the worker, in order.
void expect_split(const journal& log, std::size_t stages,
                  const std::array<context::level, 3>& needs, context::level level) {
  const std::vector<teardown_seen> seen = log.entries();
  ASSERT_EQ(seen.size(), stages);
  bool deferred = false;
  for (std::size_t stage = 0; stage < stages; ++stage) {
    deferred = deferred || !context::allows(level, needs[stage]);
    EXPECT_EQ(seen[stage].stage, static_cast<int>(stage));
    EXPECT_EQ(seen[stage].thread != std::this_thread::get_id(), deferred) << "stage " << stage;
    EXPECT_EQ(seen[stage].level, deferred ? context::process : level) << "stage " << stage;
  }
}

template <class T>
void drop_in_every_way(const std::array<context::level, 3>& needs) {
  for (const context::level level : levels) {
    SCOPED_TRACE(static_cast<int>(level));
    {  // the level is the thread's
      journal log;
      drop_at<matrix_threads>(level, make_noted<T>(1, log));
      ASSERT_TRUE(matrix_worker::flush());
      expect_split(log, 3, needs, level);
    }
    {  // not the unique owner: the drop is a counted one, and a stage stays
      journal log;
      auto user = make_noted<T>(1, log);
      auto bare = user.template share<trefoil::weakest_tier<T>>();
      auto copy = user;
      drop_at<matrix_threads>(level, std::move(user));
      EXPECT_EQ(log.size(), 0U);
      drop_at<matrix_threads>(level, std::move(copy));
      ASSERT_TRUE(matrix_worker::flush());
      expect_split(log, 2, needs, level);
      EXPECT_EQ(bare->object, 1);
    }
    {  // a demote tears down the outermost tier alone; what is left goes by a drop of its own
      journal log;
      auto outer = make_noted<T>(1, log);
      trefoil::ref<T> bare;
      {
        const scope<matrix_threads> here(level);
        bare = std::move(outer).template demote<trefoil::weakest_tier<T>>();
      }
      ASSERT_TRUE(matrix_worker::flush());
      EXPECT_EQ(log.size(), 2U);
      drop_at<matrix_threads>(context::process, std::move(bare));
      ASSERT_TRUE(matrix_worker::flush());
      std::vector<teardown_seen> seen = log.entries();
      ASSERT_EQ(seen.size(), 3U);
      EXPECT_EQ(seen[2].stage, 2);
      EXPECT_EQ(seen[2].thread, std::this_thread::get_id());
      EXPECT_EQ(seen[0].thread == std::this_thread::get_id(), context::allows(level, needs[0]));
    }
  }
  // The level is a token's, and holds for the teardowns; the thread could do more.
  const auto by_token = [&needs](auto token) {
    {
      journal log;
      make_noted<T>(1, log).drop(token);
      ASSERT_TRUE(matrix_worker::flush());
      expect_split(log, 3, needs, token.value);
    }
    {
      journal log;
      auto user = make_noted<T>(1, log);
      const auto bare = user.template share<trefoil::weakest_tier<T>>();
      user.drop(token);
      ASSERT_TRUE(matrix_worker::flush());
      expect_split(log, 2, needs, token.value);
    }
  };
  by_token(context::in_any);
  by_token(context::in_atomic);
  by_token(context::in_process);
}

template <std::size_t I>
void combination() {
  constexpr context::level l0 = levels[I / 9];
  constexpr context::level l1 = levels[I / 3 % 3];
  constexpr context::level l2 = levels[I % 3];
  SCOPED_TRACE(I);
  drop_in_every_way<three<l0, l1, l2>>({l0, l1, l2});
}

TEST(worker_deferral, only_the_stage_that_needs_it_and_those_inside_it) {
  []<std::size_t... I>(std::index_sequence<I...>) {
    (combination<I>(), ...);
  }(std::make_index_sequence<27>{});
  EXPECT_EQ(matrix_threads::reported_at_all(), 0U);
}

TEST(worker_deferral, a_middle_reference_starts_at_its_tier) {
  using T = three<context::any, context::process, context::any>;
  journal log;
  auto outer = make_noted<T>(1, log);
  auto middle = outer.share<noted<matrix_threads, 1, context::process>>();
  drop_at<matrix_threads>(context::any, std::move(outer));
  EXPECT_EQ(log.size(), 1U);  // stage 0 needs `any`: gone at once
  drop_at<matrix_threads>(context::any, std::move(middle));
  ASSERT_TRUE(matrix_worker::flush());
  const std::vector<teardown_seen> seen = log.entries();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[1].stage, 1);
  EXPECT_NE(seen[1].thread, std::this_thread::get_id());
  EXPECT_EQ(seen[2].thread, seen[1].thread);  // follows on the worker, though `any` would do
}

TEST(worker_deferral, stages_inside_that_others_hold_stay) {
  using T = three<context::process, context::atomic, context::any>;
  journal log;
  auto outer = make_noted<T>(1, log);
  auto bare = outer.share<trefoil::weakest_tier<T>>();
  drop_at<matrix_threads>(context::any, std::move(outer));
  ASSERT_TRUE(matrix_worker::flush());
  EXPECT_EQ(log.size(), 2U);
  EXPECT_FALSE(bare.promote<trefoil::outermost_tier<T>>());
  drop_at<matrix_threads>(context::any, std::move(bare));
  const std::vector<teardown_seen> seen = log.entries();
  ASSERT_EQ(seen.size(), 3U);  // no flush: it was inline
  EXPECT_EQ(seen[2].level, context::any);
}

// ---- no drop waits, and the counters are exact ---------------------------------------------------

struct counting;

TEST(worker_deferral, no_drop_waits_and_counters_are_exact) {
  using P = own_threads<counting>;
  using worker = trefoil::basic_worker<P>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>,
                                  noted<P, 1, context::atomic>>;
  EXPECT_EQ(worker::counters().run, 0U);
  EXPECT_EQ(worker::counters().peak, 0U);
  journal log;
  constexpr int each = 500;
  {
    held_worker<P> held;
    const trefoil::reclaimer_counters before = worker::counters();
    EXPECT_EQ(before.pending, 0U);
    EXPECT_EQ(before.run, 1U);
    EXPECT_EQ(before.peak, 1U);
    // If any of these drops waited for the worker, this would not end.
    std::vector<std::thread> droppers;
    for (int t = 0; t < 2; ++t) {
      droppers.emplace_back([&log, t] {
        for (int i = 0; i < each; ++i) {
          drop_at<P>(i % 2 == 0 ? context::any : context::atomic, make_noted<T>(t * each + i, log));
        }
      });
    }
    for (std::thread& t : droppers) t.join();
    const trefoil::reclaimer_counters held_up = worker::counters();
    EXPECT_EQ(held_up.pending, 2U * each);
    EXPECT_EQ(held_up.peak, 2U * each);
    EXPECT_EQ(held_up.run, 1U);
    EXPECT_EQ(held_up.wakeups, before.wakeups);  // it was awake all the time
    EXPECT_EQ(log.size(), 0U);
  }
  const trefoil::reclaimer_counters after = worker::counters();
  EXPECT_EQ(after.pending, 0U);
  EXPECT_EQ(after.peak, 2U * each);
  EXPECT_EQ(after.run, 1U + 2U * each);  // two stages, one deferral
  EXPECT_EQ(log.size(), 4U * each);
}

struct again;

TEST(worker_deferral, deferral_again_counts_again) {
  using P = own_threads<again>;
  using worker = trefoil::basic_worker<P>;
  journal log;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>>;
  auto second = make_noted<T>(2, log);
  auto first = trefoil::make<action<P, context::process>>(
      [&second] { drop_at<P>(context::any, std::move(second)); });
  drop_at<P>(context::any, std::move(first));
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(log.size(), 1U);
  EXPECT_EQ(worker::counters().run, 2U);
  EXPECT_EQ(worker::counters().pending, 0U);
  EXPECT_EQ(worker::counters().peak, 1U);  // the first was begun before the second was deferred
}

/// A tally whose increment of the deferred count can be interrupted right after it.
struct interruptible {
  template <class T>
  struct atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    T fetch_add(T n, std::memory_order order) noexcept {
      const T before = std::atomic<T>::fetch_add(n, order);
      if (void (*const f)() = std::exchange(meanwhile, nullptr)) f();
      return before;
    }
  };
  static inline void (*meanwhile)() = nullptr;
};

TEST(worker_deferral, peak_is_right_when_others_are_faster) {
  static trefoil::reclaimer_tally<interruptible> tally;
  // Between the two halves of one deferred_one() others are deferred and run.
  interruptible::meanwhile = [] {
    for (int i = 0; i < 3; ++i) tally.deferred_one();
    for (int i = 0; i < 3; ++i) tally.begun_one();
  };
  tally.deferred_one();
  EXPECT_EQ(tally.read().pending, 1U);
  EXPECT_EQ(tally.read().run, 3U);
  EXPECT_GE(tally.read().peak, 3U);
  EXPECT_LE(tally.read().peak, 4U);  // there never were more
}

// ---- order ---------------------------------------------------------------------------------------

struct ordered;

TEST(worker_deferral, first_deferred_first_run) {
  using P = own_threads<ordered>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>>;
  journal log;
  constexpr int many = 300;  // more than the worker takes at a time
  for (int round = 0; round < 3; ++round) {
    held_worker<P> held;  // the whole round is one batch
    for (int i = 0; i < many; ++i) {
      drop_at<P>(context::any, make_noted<T>(round * many + i, log));
    }
  }
  for (int i = 3 * many; i < 6 * many; ++i) {  // batches as they come
    drop_at<P>(context::atomic, make_noted<T>(i, log));
  }
  ASSERT_TRUE(trefoil::basic_worker<P>::flush());
  std::vector<int> expected(6 * many);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(log.objects(), expected);
}

struct ordered_again;

TEST(worker_deferral, what_is_deferred_again_comes_before_what_was_behind) {
  using P = own_threads<ordered_again>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, context::process>>;
  journal log;
  std::vector<trefoil::ref<T>> inner;
  for (int i = 0; i < 3; ++i) inner.push_back(make_noted<T>(i, log));
  {
    held_worker<P> held;
    drop_at<P>(context::any, trefoil::make<action<P, context::process>>([&inner] {
                 for (auto& r : inner) drop_at<P>(context::any, std::move(r));
               }));
    drop_at<P>(context::any, make_noted<T>(3, log));
  }
  EXPECT_EQ(log.objects(), (std::vector<int>{0, 1, 2, 3}));
}

// ---- sleep and wake ------------------------------------------------------------------------------

/// Knows whether the worker sleeps.
struct shows_sleep : own_threads<shows_sleep> {
  static context::state<shows_sleep>& state() noexcept {
    static constinit thread_local context::state<shows_sleep> here;
    return here;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    if (is_test) return threads::wait(word, expected);
    asleep = true;
    asleep.notify_all();
    threads::wait(word, expected);
    asleep = false;
  }
  static inline std::atomic<bool> asleep{false};
  static inline thread_local bool is_test = false;
};

TEST(worker_deferral, one_wake_up_per_sleep) {
  using P = shows_sleep;
  using worker = trefoil::basic_worker<P>;
  P::is_test = true;
  auto born = trefoil::make<action<P, context::process>>();  // starts the worker
  for (int round = 0; round < rounds(200); ++round) {
    P::asleep.wait(false);  // set when the list is marked; reset before the worker runs anything
    const std::uint64_t wakeups = worker::counters().wakeups;
    {
      const held_worker<P> held;  // its deferral is the one that wakes
      for (int i = 0; i < 10; ++i) {
        drop_at<P>(context::any, trefoil::make<action<P, context::process>>());
      }
      EXPECT_EQ(worker::counters().wakeups, wakeups + 1);
    }
    // The flush of held_worker found it awake or asleep again: one more at most.
    EXPECT_LE(worker::counters().wakeups, wakeups + 2);
  }
}

TEST(worker_deferral, a_wake_up_leaves_errno_alone) {
  // A handler may have interrupted code that is about to look at it.
  using P = shows_sleep;
  using worker = trefoil::basic_worker<P>;
  P::is_test = true;
  for (int round = 0; round < 10; ++round) {
    auto mine = trefoil::make<action<P, context::process>>();  // starts the worker
    P::asleep.wait(false);
    const std::uint64_t wakeups = worker::counters().wakeups;
    errno = EDOM;
    drop_at<P>(context::any, std::move(mine));
    const int after = errno;
    EXPECT_EQ(after, EDOM);
    EXPECT_EQ(worker::counters().wakeups, wakeups + 1);
    ASSERT_TRUE(worker::flush());
  }
}

TEST(worker_deferral, a_drop_inline_wakes_nobody) {
  using P = shows_sleep;
  using worker = trefoil::basic_worker<P>;
  const trefoil::reclaimer_counters before = worker::counters();
  for (int i = 0; i < 100; ++i) trefoil::make<action<P, context::process>>().drop();
  for (int i = 0; i < 100; ++i) {
    drop_at<P>(context::any, trefoil::make<action<P, context::any>>());
  }
  EXPECT_EQ(worker::counters().run, before.run);
  EXPECT_EQ(worker::counters().pending, before.pending);
  EXPECT_EQ(worker::counters().wakeups, before.wakeups);
}

}  // namespace
