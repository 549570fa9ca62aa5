// SPDX-License-Identifier: Apache-2.0
// The short lock: who waits for it, and how long.
#include <trefoil/memory/short_lock.hpp>
#include <trefoil/os/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

namespace context = trefoil::context;
using trefoil::short_lock;
using trefoil::threads;

TEST(short_lock, is_held_by_one) {
  short_lock<threads> lock;
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  EXPECT_TRUE(lock.lock_at(context::process));
  lock.unlock();
  EXPECT_TRUE(lock.lock_at(context::atomic));
  lock.unlock();
  lock.lock();
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
}

/// A place that counts its turns and has no sleep.
struct turning {
  template <class T>
  using atomic = std::atomic<T>;
  static void relax() noexcept {
    ++turns;
    if (release_at == turns) held->unlock();
  }
  static inline unsigned turns = 0;
  static inline unsigned release_at = 0;
  static inline short_lock<turning>* held = nullptr;
};

TEST(short_lock, at_atomic_nobody_waits_for_ever) {
  short_lock<turning> lock;
  turning::turns = 0;
  turning::release_at = 0;
  lock.lock();
  EXPECT_FALSE(lock.lock_at(context::atomic));
  EXPECT_GT(turning::turns, 1000U);
  // The holder lets go meanwhile.
  turning::turns = 0;
  turning::held = &lock;
  turning::release_at = 500;
  EXPECT_TRUE(lock.lock_at(context::atomic));
  EXPECT_EQ(turning::turns, 500U);
  lock.unlock();
}

TEST(short_lock, without_sleep_it_turns_until_it_has_it) {
  short_lock<turning> lock;
  turning::turns = 0;
  turning::held = &lock;
  turning::release_at = 100'000;
  lock.lock();
  lock.lock();
  EXPECT_EQ(turning::turns, 100'000U);
  lock.unlock();
}

/// Threads that count their sleeps.
struct counting : threads {
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    sleeps.fetch_add(1);
    threads::wait(word, expected);
  }
  static void wake_one(std::atomic<std::uint32_t>& word) noexcept {
    wakes.fetch_add(1);
    threads::wake_one(word);
  }
  static inline std::atomic<int> sleeps{0};
  static inline std::atomic<int> wakes{0};
};

TEST(short_lock, sleeps_and_is_woken) {
  short_lock<counting> lock;
  lock.lock();
  std::thread other([&] {
    lock.lock();
    lock.unlock();
  });
  while (counting::sleeps.load() == 0) std::this_thread::yield();
  EXPECT_EQ(counting::wakes.load(), 0);
  lock.unlock();
  other.join();
  EXPECT_GE(counting::wakes.load(), 1);
  // Nobody waits any more: nobody is woken.
  const int before = counting::wakes.load();
  lock.lock();
  lock.unlock();
  EXPECT_EQ(counting::wakes.load(), before);
}

TEST(short_lock, keeps_many_apart) {
  short_lock<threads> lock;
  long sum = 0;  // plain: ThreadSanitizer looks as well
  constexpr int each = 20'000;
  std::vector<std::thread> crowd;
  for (int t = 0; t < 4; ++t) {
    crowd.emplace_back([&, t] {
      for (int i = 0; i < each;) {
        if (!lock.lock_at((i + t) % 3 == 0 ? context::atomic : context::process)) continue;
        ++sum;
        ++i;
        lock.unlock();
      }
    });
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(sum, 4L * each);
}

}  // namespace
