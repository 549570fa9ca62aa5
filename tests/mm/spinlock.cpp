// SPDX-License-Identifier: Apache-2.0
// The lock excludes, and everything that ought to take it does. No luck needed: who is to wait is
// started while the lock is held, and the holder looks whether it spins or gets through.
#include "board.hpp"

#include <functional>
#include <thread>
#include <utility>

namespace {

using namespace board;

class spinlock_test : public board_test {
 protected:
  spinlock_test() { platform::alone = false; }
  ~spinlock_test() override {
    if (other.joinable()) other.join();
    platform::alone = true;
  }
  spinlock_test(const spinlock_test&) = delete;
  spinlock_test& operator=(const spinlock_test&) = delete;

  /// Starts `act` on another thread and returns once it waits (true) or is through (false).
  [[nodiscard]] bool waits(std::function<void()> act) {
    const unsigned before = platform::relaxed;
    through = false;
    other = std::thread([this, act = std::move(act)] {
      act();
      through = true;
    });
    while (platform::relaxed == before && !through) std::this_thread::yield();
    return !through;
  }
  /// Does `first` and, while it holds the first lock that it takes, looks whether `second` waits.
  void expect_excluded(const std::function<void()>& first, std::function<void()> second) {
    bool waited = false;
    lock_word::when_taken = [&](const lock_word*) { waited = waits(std::move(second)); };
    first();
    other.join();
    EXPECT_FALSE(lock_word::when_taken) << "took no lock";
    lock_word::when_taken = nullptr;
    EXPECT_TRUE(waited);
    EXPECT_TRUE(through);
  }

  std::thread other;
  std::atomic<bool> through{false};
  machine box{64};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
};

TEST_F(spinlock_test, OneAtATime) {
  trefoil::mm::spinlock<platform> lock;
  {
    const guard locked(lock);
    EXPECT_TRUE(waits([&] { const guard after(lock); }));
  }
  other.join();
  EXPECT_TRUE(through);
  const guard again(lock);
}

TEST_F(spinlock_test, TheHolderIsAtLevelAny) {
  trefoil::mm::spinlock<platform> lock;
  {
    const guard locked(lock);
    EXPECT_EQ(platform::state().here(), context::any);
  }
  EXPECT_EQ(platform::state().here(), context::process);
}

TEST_F(spinlock_test, FramesAreTakenAndGivenBackUnderTheLock) {
  physical mine = box.frames.allocate();
  physical yours{};
  expect_excluded([&] { static_cast<void>(box.frames.in_use()); },
                  [&] { yours = box.frames.allocate(); });
  expect_excluded([&] { mine = box.frames.allocate(); }, [&] { box.frames.free(yours); });
  expect_excluded([&] { box.frames.free(mine); }, [&] { static_cast<void>(box.frames.in_use()); });
}

TEST_F(spinlock_test, BirthsAndDeathsOfPageDirectoriesWaitForAChangeOfTheKernelHalf) {
  user_ref space;
  const auto change = [&] { box.all.set_kernel_entry(5, 0x5555); };
  expect_excluded(change, [&] { space = make<address_space>(box.all, root, 1U); });
  std::uint64_t* const pgd = space.at<page_directory>().entries();
  EXPECT_EQ(pgd[256 + 5], 0x5555U);
  expect_excluded(change, [&] { space.drop(); });
  EXPECT_EQ(pgd[256 + 5], 0U);
  expect_excluded(change, [&] { static_cast<void>(box.all.page_directories()); });
  expect_excluded(change, change);
  EXPECT_EQ(box.frames.in_use(), 0U);
}

}  // namespace
