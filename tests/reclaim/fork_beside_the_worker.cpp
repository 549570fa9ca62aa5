// SPDX-License-Identifier: Apache-2.0
// The child of a fork(), beside the worker: who polls, the pool, lazy pins.
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fork_child.hpp"
#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct poll_tag;

TEST_F(fork_child, while_another_thread_polls) {
  using P = own_threads<poll_tag>;
  using polled = trefoil::basic_polled<P, poll_tag>;
  using T = action<P, context::process, polled>;
  std::latch began{1};
  std::latch go{1};
  drop_at<P>(context::any, trefoil::make<T>([&] {
               began.count_down();
               go.wait();
             }));
  std::thread poller([] { polled::poll(); });
  began.wait();
  EXPECT_TRUE(in_child([] {
    std::atomic<int> torn_down{0};
    drop_at<P>(context::any, trefoil::make<T>([&] { torn_down.fetch_add(1); }));
    CHECK(polled::poll() == 1);  // the poller does not exist here
    CHECK(torn_down == 1);
    return 0;
  }));
  go.count_down();
  poller.join();
}

struct pool_tag;

TEST_F(fork_child_of_busy_threads, have_a_pool_that_trims) {
  // Another thread may have been trimming at the time of the fork().
  using P = own_threads<pool_tag>;
  using pool = trefoil::pool<P, 4096, 16>;
  std::atomic<bool> stop{false};
  std::thread trimmer([&] {
    while (!stop) {
      for (int i = 0; i < 4; ++i) pool::release(pool::allocate(context::process), context::process);
      pool::trim();
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(in_child([] {
      std::array<void*, 100> blocks{};  // more than are at hand: some slabs are ours alone
      for (void*& b : blocks) b = pool::allocate(context::process);
      for (void* b : blocks) pool::release(b, context::process);
      CHECK(pool::trim() != 0);
      return 0;
    })) << i;
  }
  stop = true;
  trimmer.join();
}

struct pin_tag;

/// Counts its teardowns.
struct pinned {
  static constexpr auto teardown = context::any;
  static constexpr bool lazy_pins = true;
  explicit pinned(std::atomic<int>& c) noexcept : count(&c) {}
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() { count->fetch_add(1); }
  std::atomic<int>* count;
};

TEST_F(fork_child, has_what_its_cpus_miss_looked_after) {
  using P = own_threads<pin_tag>;
  using object_pinned = trefoil::basic_staged<traits_on<P>, pinned>;
  using slots = trefoil::detail::lazy_slots<object_pinned>;
  std::atomic<int> torn_down{0};
  // The last counted reference goes while a CPU pins it.
  const auto pin_one = [&](slots::slot& cpu) {
    auto one = trefoil::make<object_pinned>(torn_down);
    slots::pin(cpu, trefoil::detail::access::pinned(*one.address()));
    one.drop();
  };
  // give_back() without a look.
  const auto miss = [](slots::slot& cpu) { cpu.pinned.store(nullptr); };
  auto* const first = slots::take();
  auto* const second = slots::take();
  pin_one(*first);
  until_the_others_sleep();
  for (int i = 0; i < 20; ++i) {
    // The parent's worker has looked, and will look again, or is about to.
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 4));
    ASSERT_TRUE(in_child([&] {
      const auto wait_for = [&](int n) {  // bounded: in_child() starts a watchdog
        while (torn_down != n) std::this_thread::yield();
      };
      miss(*first);
      pin_one(*second);
      wait_for(1);  // the errand runs, and runs again for the second one's sake
      miss(*second);
      wait_for(2);
      return 0;
    })) << i;
  }
  slots::unpin(*first);
  EXPECT_EQ(torn_down, 1);
  slots::give_up(*first);
  slots::give_up(*second);
  trefoil::basic_worker<P>::shutdown();
}

}  // namespace
