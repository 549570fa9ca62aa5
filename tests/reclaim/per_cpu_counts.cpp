// SPDX-License-Identifier: Apache-2.0
// Counts per CPU among threads that move from CPU to CPU, signals, and a fork: nothing is counted twice
// or not at all, so that each object is torn down once, after its kill is confirmed.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <latch>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fork_child.hpp"
#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;
using trefoil::make;
using trefoil::ref;

struct life {
  std::atomic<int> confirmed{0};
  std::atomic<int> torn_down{0};
};

struct settings {
  static constexpr auto teardown = context::any;
  explicit settings(life& l) noexcept : of(&l) {}
  life* of;
};
struct in_use {
  static constexpr auto teardown = context::process;
  static constexpr bool per_cpu_count = true;
  explicit in_use(settings& s) noexcept : of(s.of) {}
  in_use(const in_use&) = delete;
  in_use& operator=(const in_use&) = delete;
  ~in_use() {
    EXPECT_EQ(of->confirmed.load(), 1);
    EXPECT_EQ(of->torn_down.fetch_add(1), 0);
    value = 0;
  }
  life* of;
  int value = 7;  // plain: what holders read happens before the teardown
};
void confirm(in_use& tier) noexcept {
  EXPECT_EQ(tier.of->torn_down.load(), 0);
  EXPECT_EQ(tier.of->confirmed.fetch_add(1), 0);
}

/// As the process counts, and as other systems do.
struct default_tag;
using by_default = own_threads<default_tag>;
struct by_atomics : own_threads<struct atomics_tag> {
  static context::state<by_atomics>& state() noexcept {
    static constinit thread_local context::state<by_atomics> here;
    return here;
  }
  static void add_in_section() = delete;
};

template <class P>
class per_cpu_counts : public ::testing::Test {
 protected:
  using object = trefoil::basic_staged<traits_on<P>, in_use, settings>;
  using worker = trefoil::basic_worker<P>;
  ~per_cpu_counts() override {
    worker::shutdown();
    EXPECT_EQ(P::reported_at_all(), 0U);
  }
};
using ways = ::testing::Types<by_default, by_atomics>;
TYPED_TEST_SUITE(per_cpu_counts, ways);

/// This thread goes on on another CPU, if there is one.
void move_to(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &one);
  sched_setaffinity(0, sizeof one,
                    &one);  // refused: then it stays, which is another order of events
}

TYPED_TEST(per_cpu_counts, ThreadsThatMove) {
  using queue = typename TestFixture::object;
  constexpr unsigned threads = 4;
  for (int round = 0; round < rounds(400); ++round) {
    life one;
    auto first = make<queue>(trefoil::with<settings>(one));
    std::array<trefoil::slot<ref<queue, in_use>>, 2> exchange;
    std::latch begin{threads};
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i) {
      all.emplace_back([&, i, bare = first.template share<settings>()] {
        std::minstd_rand random{i + 1000U * static_cast<unsigned>(round)};
        std::vector<ref<queue, in_use>> mine;
        begin.arrive_and_wait();
        for (;;) {
          if (random() % 64 == 0) move_to(static_cast<unsigned>(random()));
          auto request = trefoil::promote_live<in_use>(bare);
          if (!request) break;  // killed
          ASSERT_EQ(request->value, 7);
          if (mine.size() < 8) mine.push_back(request);
          // Taken here, dropped by another thread.
          auto& place = exchange[random() % exchange.size()];
          if (random() % 2 == 0) {
            place.store(std::move(request));
          } else if (auto other = place.load()) {
            ASSERT_EQ(other->value, 7);
          }
          if (random() % 16 == 0) mine.clear();
        }
      });
    }
    begin.wait();
    std::this_thread::sleep_for(std::chrono::microseconds(round % 200));
    EXPECT_TRUE(trefoil::kill(first, confirm));
    EXPECT_EQ(one.confirmed.load(), 1);
    for (auto& thread : all) thread.join();
    first.drop();
    for (auto& place : exchange) {
      EXPECT_EQ(one.torn_down.load(), place.load() ? 0 : one.torn_down.load());
      place.store(nullptr);
    }
    ASSERT_EQ(one.torn_down.load(), 1) << round;
  }
}

// ---- signals -----------------------------------------------------------------------------------------

/// What the handler works on.
template <class P>
struct interrupted {
  using queue = trefoil::basic_staged<traits_on<P>, in_use, settings>;
  static inline std::atomic<const ref<queue, in_use>*> held{nullptr};
  static inline std::atomic<bool> kills{false};
  static inline std::atomic<int> calls{0};

  static void handle(int) {
    const int error = errno;
    {
      const scope<P> here(context::any);
      if (const auto* const r = held.load()) {
        ref<queue, in_use> copy = *r;
        if (kills.load()) trefoil::kill(copy, confirm);
        calls.fetch_add(1);
      }
    }
    errno = error;
  }
};

TYPED_TEST(per_cpu_counts, SignalsAmongAdds) {
  using at = interrupted<TypeParam>;
  using queue = typename at::queue;
  struct sigaction action {};
  action.sa_handler = &at::handle;
  sigaction(SIGUSR1, &action, nullptr);
  for (int round = 0; round < rounds(100); ++round) {
    life one;
    auto first = make<queue>(trefoil::with<settings>(one));
    at::kills = false;
    at::calls = 0;
    at::held = &first;
    std::atomic<bool> stop{false};
    const pthread_t victim = pthread_self();
    std::thread sender([&] {
      while (!stop) {
        pthread_kill(victim, SIGUSR1);
        for (int i = 0; i < 50; ++i) trefoil::threads::relax();
      }
    });
    while (at::calls < 20) {
      const auto copy = first;
      ASSERT_EQ(copy->value, 7);
    }
    at::kills = true;  // in a handler, between any two instructions of a copy or a drop
    while (trefoil::is_live<in_use>(first)) const auto copy = first;
    stop = true;
    sender.join();
    at::held = nullptr;
    ASSERT_TRUE(TestFixture::worker::flush());
    EXPECT_EQ(one.confirmed.load(), 1);
    EXPECT_EQ(first.use_count(), 1U);
    first.drop();
    ASSERT_EQ(one.torn_down.load(), 1) << round;
  }
  signal(SIGUSR1, SIG_DFL);
}

// ---- fork --------------------------------------------------------------------------------------------

TYPED_TEST(per_cpu_counts, InAForkedChild) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a forked child that starts a thread is more than ThreadSanitizer supports";
#endif
  using queue = typename TestFixture::object;
  life one;
  auto first = make<queue>(trefoil::with<settings>(one));
  life two;
  auto second = make<queue>(trefoil::with<settings>(two));
  EXPECT_TRUE(trefoil::kill(second, confirm));  // the process knows how
  const auto copy = first;
  EXPECT_TRUE(in_child([&] {
    CHECK(trefoil::kill(first, confirm));
    CHECK(one.confirmed == 1);
    CHECK(first.use_count() == 2);
    first.drop();
    CHECK(one.torn_down == 0);
    return 0;
  }));
  EXPECT_TRUE(trefoil::is_live<in_use>(first)) << "that was another process";
  EXPECT_TRUE(trefoil::kill(first, confirm));
}

}  // namespace
