// SPDX-License-Identifier: Apache-2.0
// The child of a fork() has the objects but not the worker's thread: it starts another when it needs
// one, and what was queued in the parent is queued in the child as well.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <latch>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fork_child.hpp"
#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct asleep;

TEST_F(fork_child, restarts_the_worker_lazily) {
  using P = own_threads<asleep>;
  using worker = trefoil::basic_worker<P>;
  for (int i = 0; i < 50; ++i) {
    // By now it sleeps, or is about to.
    ASSERT_TRUE(in_child([] {
      CHECK(deferral_works<P>() == 0);
      CHECK(worker::counters().pending == 0);
      return 0;
    })) << i;
    ASSERT_EQ(deferral_works<P>(), 0) << i;  // the parent's goes on
  }
  EXPECT_EQ(worker::counters().pending, 0U);
}

/// Knows whether the worker sleeps, and how often it has looked for work since.
struct shows_sleep : own_threads<shows_sleep> {
  static context::state<shows_sleep>& state() noexcept {
    static constinit thread_local context::state<shows_sleep> here;
    return here;
  }
  static void enter(trefoil::region) noexcept {
    looks.fetch_add(1);
    looks.notify_all();
  }
  static void leave(trefoil::region) noexcept {}
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    asleep = true;
    asleep.notify_all();
    looks.fetch_add(1);
    looks.notify_all();
    threads::wait(word, expected);
  }
  static inline std::atomic<bool> asleep{false};
  static inline std::atomic<int> looks{0};
};

TEST_F(fork_child, whose_worker_has_nothing_to_do_sleeps) {
  // The list still has the mark of the parent's worker, and nobody pushes anything.
  using P = shows_sleep;
  using worker = trefoil::basic_worker<P>;
  ASSERT_TRUE(worker::start());
  P::asleep.wait(false);
  EXPECT_TRUE(in_child([] {
    P::asleep = false;
    P::looks = 0;
    CHECK(worker::start());
    constexpr int many = 1000;  // one look is enough
    for (int now = 0; !P::asleep && now < many; now = P::looks) P::looks.wait(now);
    CHECK(P::asleep);
    return 0;
  }));
}

struct grandchildren;

TEST_F(fork_child, has_children_of_its_own) {
  using P = own_threads<grandchildren>;
  ASSERT_EQ(deferral_works<P>(), 0);
  EXPECT_TRUE(in_child([] {
    CHECK(deferral_works<P>() == 0);
    CHECK(in_child([] { return deferral_works<P>(); }));
    return deferral_works<P>();
  }));
}

struct never_used;

TEST_F(fork_child, of_a_parent_that_never_had_a_worker) {
  EXPECT_TRUE(in_child(&deferral_works<own_threads<never_used>>));
}

struct ended;

TEST_F(fork_child, of_a_parent_that_shut_it_down) {
  using P = own_threads<ended>;
  using worker = trefoil::basic_worker<P>;
  ASSERT_TRUE(worker::start());
  ASSERT_EQ(deferral_works<P>(), 0);
  ASSERT_TRUE(worker::shutdown());
  until_the_others_sleep();
  EXPECT_TRUE(in_child([] {
    std::atomic<int> torn_down{0};
    drop_at<P>(context::any, trefoil::make<object<P>>([&] { torn_down.fetch_add(1); }));
    CHECK(worker::counters().pending == 1);  // still shut down: nothing starts by itself
    CHECK(worker::flush());
    CHECK(torn_down == 1);
    CHECK(worker::start());
    return deferral_works<P>();
  }));
}

struct busy;

TEST_F(fork_child, runs_what_was_pending) {
  using P = own_threads<busy>;
  using worker = trefoil::basic_worker<P>;
  for (int i = 0; i < 50; ++i) {
    std::atomic<int> torn_down{0};
    {
      // Before the worker, which looks at them until its end.
      std::latch second_began{1};
      std::latch second_go{1};
      std::optional<held_worker<P>> first(std::in_place);
      std::vector<trefoil::ref<object<P>>> refs;
      for (int k = 0; k < 10; ++k) {
        refs.push_back(trefoil::make<object<P>>([&] { torn_down.fetch_add(1); }));
      }
      for (std::size_t k = 0; k < 3; ++k) drop_at<P>(context::any, std::move(refs[k]));
      if (i % 2 == 0) {
        // Stops once more, in the middle of a batch: what is behind has been taken, but not run.
        drop_at<P>(context::any, trefoil::make<object<P>>([&] {
                     second_began.count_down();
                     second_go.wait();
                   }));
        for (std::size_t k = 3; k < 6; ++k) drop_at<P>(context::any, std::move(refs[k]));
        first->release();
        second_began.wait();
        EXPECT_EQ(torn_down.load(), 3);
      } else {
        for (std::size_t k = 3; k < 6; ++k) drop_at<P>(context::any, std::move(refs[k]));
      }
      for (std::size_t k = 6; k < 10; ++k)
        drop_at<P>(context::any, std::move(refs[k]));  // incoming
      ASSERT_TRUE(in_child([&] {
        CHECK(worker::flush());
        CHECK(torn_down == 10);
        CHECK(worker::counters().pending == 0);
        return deferral_works<P>();
      })) << i;
      second_go.count_down();
    }
    EXPECT_EQ(torn_down.load(), 10);
  }
}

TEST_F(fork_child_of_busy_threads, in_the_middle_of_everything) {
  struct storm;
  using P = own_threads<storm>;
  using worker = trefoil::basic_worker<P>;
  std::atomic<bool> stop{false};
  std::vector<std::thread> crowd;
  for (int t = 0; t < 2; ++t) {
    crowd.emplace_back([&, t] {
      for (int n = 1; !stop; ++n) {
        drop_at<P>(context::any, trefoil::make<object<P>>());
        // The other does not wait each time, but lets no backlog grow: each child has to run that.
        if (t == 0 || n % 1024 == 0) worker::flush();
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    // `pending` may stay above zero for ever: what another thread was just about to queue is lost.
    EXPECT_TRUE(in_child(&deferral_works<P>)) << i;
  }
  stop = true;
  for (std::thread& t : crowd) t.join();
}

/// Overwrites what other threads have left on the stacks that new threads get.
void scribble_on_stacks() {
  std::vector<std::thread> crowd;
  std::latch all{4};
  for (int t = 0; t < 4; ++t) {
    crowd.emplace_back([&all] {
      std::array<volatile char, 65536> room;
      for (volatile char& c : room) c = '\x5a';
      all.arrive_and_wait();
    });
  }
  for (std::thread& t : crowd) t.join();
}

struct flushing;

TEST_F(fork_child_of_busy_threads, with_a_flush_of_another_thread_under_way) {
  // That thread does not exist in the child, and its stack, where its barrier is, gets another use.
  using P = own_threads<flushing>;
  using worker = trefoil::basic_worker<P>;
  std::atomic<int> torn_down{0};
  std::vector<std::thread> flushers;
  {
    const held_worker<P> held;
    const auto drop_one = [&] {
      drop_at<P>(context::any, trefoil::make<object<P>>([&] { torn_down.fetch_add(1); }));
    };
    drop_one();
    for (int t = 0; t < 3; ++t) flushers.emplace_back([] { worker::flush(); });
    // Barriers are not counted; with none in the queue yet the test finds nothing.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    drop_one();
    EXPECT_TRUE(in_child([&] {
      scribble_on_stacks();
      CHECK(worker::flush());
      CHECK(torn_down == 2);
      return deferral_works<P>();
    }));
  }
  for (std::thread& t : flushers) t.join();
  EXPECT_EQ(torn_down.load(), 2);
}

struct on_the_worker;

TEST_F(fork_child, of_the_worker_itself) {
  // The child's one thread is the worker, in a teardown; it goes on as such.
  using P = own_threads<on_the_worker>;
  using worker = trefoil::basic_worker<P>;
  std::atomic<pid_t> child{-1};
  // Not the thread of main(): its stack goes to others in the child, with the barrier on it.
  std::thread flusher;
  std::latch go{1};
  drop_at<P>(context::any, trefoil::make<object<P>>([&] {
               go.wait();
               child = fork();
               if (child == 0) {
                 watchdog::start();
                 scribble_on_stacks();
                 std::thread([] { _exit(deferral_works<P>()); }).detach();
               }
             }));
  flusher = std::thread([] { worker::flush(); });
  until_the_others_sleep();  // the flusher has its barrier in the queue
  go.count_down();
  flusher.join();
  EXPECT_TRUE(ended_well(child));
  EXPECT_EQ(deferral_works<P>(), 0);
}

/// Tells when a thread waits.
struct on_a_helper : own_threads<struct helped> {
  static context::state<on_a_helper>& state() noexcept {
    static constinit thread_local context::state<on_a_helper> here;
    return here;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    waits.fetch_add(1);
    own_threads::wait(word, expected);
  }
  static inline std::atomic<int> waits{0};
};

TEST_F(fork_child, of_a_thread_that_helps) {
  using P = on_a_helper;
  using worker = trefoil::basic_worker<P>;
  pid_t child = -1;
  std::atomic<int> torn_down{0};
  // One more than the worker runs at a time would be the ordinary way to get the right to run from
  // it; without its thread that is simpler, and the child sees a thread that it does not have.
  ASSERT_TRUE(worker::start());
  ASSERT_EQ(deferral_works<P>(), 0);
  ASSERT_TRUE(worker::shutdown());
  until_the_others_sleep();
  drop_at<P>(context::any, trefoil::make<object<P>>([&] {
               const int before = P::waits;
               worker::start();
               // Until it waits for the right to run: a sanitizer's runtime does not bear a fork in
               // the middle of a thread's start.
               while (P::waits == before) std::this_thread::yield();
               child = fork();
             }));
  drop_at<P>(context::any, trefoil::make<object<P>>([&] { torn_down.fetch_add(1); }));
  const std::size_t helped = worker::help();
  if (child == 0) {
    watchdog::start();
    if (helped != 2 || torn_down != 1) _exit(1);
    _exit(deferral_works<P>());
  }
  EXPECT_TRUE(ended_well(child));
  EXPECT_EQ(deferral_works<P>(), 0);
}

struct address_used_again;

TEST_F(fork_child, of_a_thread_that_has_the_dead_workers_place) {
  // Threads get the stack, and with it the thread-local addresses, of threads that have ended.
  using P = own_threads<address_used_again>;
  using worker = trefoil::basic_worker<P>;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(worker::start());
    ASSERT_EQ(deferral_works<P>(), 0);
    ASSERT_TRUE(worker::shutdown());
    until_the_others_sleep();
    // Somebody has the right to run while the others fork.
    std::atomic<int> torn_down{0};
    bool well = true;
    drop_at<P>(context::any, trefoil::make<object<P>>([&] {
                 std::vector<std::thread> crowd;
                 // Nor does any of these start or end while another forks: see until_the_others_sleep().
                 std::latch started{4};
                 std::latch forked{3};
                 std::array<bool, 3> each{};
                 for (bool& ended : each) {
                   crowd.emplace_back([&] {
                     started.arrive_and_wait();  // all three at once: one of them is where it was
                     ended = in_child([] {
                       CHECK(worker::flush());
                       CHECK(worker::start());
                       return deferral_works<P>();
                     });
                     forked.arrive_and_wait();
                   });
                 }
                 started.count_down();
                 for (std::thread& t : crowd) t.join();
                 for (const bool ended : each) well = well && ended;
                 torn_down.fetch_add(1);
               }));
    ASSERT_TRUE(worker::flush());  // runs it on this thread
    ASSERT_EQ(torn_down.load(), 1);
    ASSERT_TRUE(well) << i;
  }
}

/// Lets another thread fork at the moment when start() has not asked for the call in the child yet.
struct forks_early : own_threads<forks_early> {
  static context::state<forks_early>& state() noexcept {
    static constinit thread_local context::state<forks_early> here;
    return here;
  }
  static void in_forked_child(void (*run)()) noexcept;
  static inline bool forked = false;
  static inline bool well = false;
};

void forks_early::in_forked_child(void (*run)()) noexcept {
  // Once: the child comes here, too.
  if (!std::exchange(forked, true)) {
    std::thread([] { well = in_child(&deferral_works<forks_early>); }).join();
  }
  threads::in_forked_child(run);
}

TEST_F(fork_child, while_the_first_worker_is_about_to_start) {
  ASSERT_EQ(deferral_works<forks_early>(), 0);
  EXPECT_TRUE(forks_early::well);
}

}  // namespace
