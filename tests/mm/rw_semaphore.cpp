// SPDX-License-Identifier: Apache-2.0
// mmap_lock's kind: many readers or one writer, waiters that spin or sleep, nobody starved.
#include "board.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace {

using trefoil::mm::lock_class;
using trefoil::mm::rw_semaphore;
namespace context = trefoil::context;

/// Threads whose waiters sleep, and which tell what is locked.
struct sleepers : trefoil::threads {
  static context::state<sleepers>& state() noexcept {
    static constinit thread_local context::state<sleepers> here;
    return here;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    ++slept;
    trefoil::threads::wait(word, expected);
  }
  static void lock_acquire(lock_class c, const void* lock) noexcept {
    last_class = c;
    last_lock = lock;
    level_then = state().here();
    ++held;
  }
  static void lock_release(lock_class, const void*) noexcept { --held; }

  static inline std::atomic<int> slept{0};
  static inline thread_local lock_class last_class = lock_class::other;
  static inline thread_local const void* last_lock = nullptr;
  static inline thread_local context::level level_then = context::any;
  static inline thread_local int held = 0;
};

template <class P>
class rw_semaphore_test : public ::testing::Test {
 protected:
  using reader = typename rw_semaphore<P>::read_guard;
  using writer = typename rw_semaphore<P>::write_guard;
  rw_semaphore<P> lock{lock_class::mmap_lock};

  rw_semaphore_test() { board::platform::alone = false; }
  ~rw_semaphore_test() override { board::platform::alone = true; }
  rw_semaphore_test(const rw_semaphore_test&) = delete;
  rw_semaphore_test& operator=(const rw_semaphore_test&) = delete;

  static void run(const std::vector<std::function<void()>>& all) {
    std::vector<std::thread> threads;
    threads.reserve(all.size());
    for (const auto& f : all) threads.emplace_back(f);
    for (std::thread& t : threads) t.join();
  }
};
using platforms = ::testing::Types<board::platform, sleepers>;
TYPED_TEST_SUITE(rw_semaphore_test, platforms);

TYPED_TEST(rw_semaphore_test, ManyReadersOrOneWriter) {
  std::atomic<int> readers{0};
  std::atomic<int> wrong{0};
  int written = 0;  // guarded by the lock: ThreadSanitizer sees if it is not
  const auto read = [&] {
    for (int i = 0; i < 3000; ++i) {
      const typename TestFixture::reader locked(this->lock);
      if (TypeParam::state().here() != context::atomic) ++wrong;
      ++readers;
      const int before = written;
      if (i % 64 == 0) std::this_thread::yield();
      if (written != before) ++wrong;
      --readers;
    }
  };
  const auto write = [&] {
    for (int i = 0; i < 2000; ++i) {
      const typename TestFixture::writer locked(this->lock);
      if (readers != 0) ++wrong;
      ++written;
      if (i % 64 == 0) std::this_thread::yield();
    }
  };
  this->run({read, read, read, write, write});
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(written, 4000);
}

TYPED_TEST(rw_semaphore_test, ReadersAreInTogether) {
  std::atomic<int> inside{0};
  const auto read = [&] {
    const typename TestFixture::reader locked(this->lock);
    ++inside;
    while (inside != 3) std::this_thread::yield();  // for ever, if one kept the others out
  };
  this->run({read, read, read});
  EXPECT_EQ(inside, 3);
}

TYPED_TEST(rw_semaphore_test, AWriterGetsInThoughThereAreAlwaysReaders) {
  // Two readers relieve each other, so that there is never none: unless they wait for the writer.
  std::atomic<int> turn{0};
  std::atomic<bool> done{false};
  const auto read = [&](int me) {
    return [&, me] {
      while (!done) {
        const typename TestFixture::reader locked(this->lock);
        turn = me;
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
        // Leaves only when the other one is in, or has to wait.
        while (!done && turn == me && std::chrono::steady_clock::now() < until) {
          std::this_thread::yield();
        }
      }
    };
  };
  const auto write = [&] {
    while (turn == 0) std::this_thread::yield();
    const typename TestFixture::writer locked(this->lock);
    done = true;
  };
  this->run({read(1), read(2), write});
  EXPECT_TRUE(done);
}

TYPED_TEST(rw_semaphore_test, WhoeverWaitsIsWokenByTheLastToLeave) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> through{0};
    const auto wait_to_read = [&] {
      const typename TestFixture::reader locked(this->lock);
      ++through;
    };
    const auto wait_to_write = [&] {
      const typename TestFixture::writer locked(this->lock);
      ++through;
    };
    std::thread first;
    std::thread second;
    {
      const typename TestFixture::writer locked(this->lock);
      first = std::thread(wait_to_read);
      second = std::thread(wait_to_write);
      if (round % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      EXPECT_EQ(through, 0);
    }
    first.join();
    second.join();
    EXPECT_EQ(through, 2);
  }
}

TEST(lock_hooks, AreToldBeforeTheLockIsTakenAndAfterItIsReleased) {
  rw_semaphore<sleepers> lock{lock_class::mmap_lock};
  {
    const rw_semaphore<sleepers>::write_guard locked(lock);
    EXPECT_EQ(sleepers::last_class, lock_class::mmap_lock);
    EXPECT_EQ(sleepers::last_lock, &lock);
    EXPECT_EQ(sleepers::level_then, context::process) << "the level of whoever takes it";
    EXPECT_EQ(sleepers::held, 1);
  }
  EXPECT_EQ(sleepers::held, 0);
  trefoil::mm::spinlock<sleepers> spin{lock_class::pgd_lock};
  {
    const context::basic_scope<sleepers> preemption_off(context::atomic);
    const trefoil::mm::spinlock<sleepers>::guard locked(spin);
    EXPECT_EQ(sleepers::last_class, lock_class::pgd_lock);
    EXPECT_EQ(sleepers::level_then, context::atomic);
  }
  EXPECT_EQ(sleepers::held, 0);
}

}  // namespace
