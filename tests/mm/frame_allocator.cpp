// SPDX-License-Identifier: Apache-2.0
// Frames are zeroed whoever had them before, never frame 0, never twice, and run out politely.
#include "board.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace board;

class frame_allocator_test : public board_test {
 protected:
  static constexpr std::size_t usable = 16;
  memory ram{usable + 1};
  frame_allocator frames{ram.begin(), ram.bytes()};

  [[nodiscard]] bool zeroed(physical frame) const {
    const std::uint64_t* const words = frames.table(frame);
    return std::all_of(words, words + trefoil::mm::table_entries,
                       [](std::uint64_t w) { return w == 0; });
  }
  void fill_with_dirt(physical frame) const { std::memset(frames.table(frame), 0xFF, page_size); }
  [[nodiscard]] std::vector<physical> take_all() {
    std::vector<physical> taken;
    for (physical f = frames.allocate(); f != physical{0}; f = frames.allocate()) {
      taken.push_back(f);
      if (taken.size() > 10 * usable) break;
    }
    return taken;
  }
};

TEST_F(frame_allocator_test, HandsOutEveryFrameOnceButFrameZero) {
  const auto taken = take_all();
  EXPECT_EQ(taken.size(), usable);
  const std::set<physical> different(taken.begin(), taken.end());
  EXPECT_EQ(different.size(), usable);
  for (const physical f : taken) {
    const auto at = static_cast<std::uint64_t>(f);
    EXPECT_NE(at, 0U);
    EXPECT_EQ(at % page_size, 0U);
    EXPECT_LT(at, ram.bytes());
    EXPECT_TRUE(zeroed(f));
    EXPECT_EQ(frames.address_of(frames.table(f)), f);
    fill_with_dirt(f);
  }
  EXPECT_TRUE(ram.fences_intact());
  for (const physical f : taken) frames.free(f);
}

TEST_F(frame_allocator_test, TheFirstUseIsZeroedThoughTheRegionWasNot) {
  const physical f = frames.allocate();
  ASSERT_NE(f, physical{0});
  EXPECT_TRUE(zeroed(f));
  frames.free(f);
}

TEST_F(frame_allocator_test, ADirtyFrameIsZeroedBeforeItsNextUse) {
  auto taken = take_all();
  for (const physical f : taken) {
    fill_with_dirt(f);
    frames.free(f);
  }
  taken = take_all();
  ASSERT_EQ(taken.size(), usable);
  for (const physical f : taken) EXPECT_TRUE(zeroed(f));
  for (const physical f : taken) frames.free(f);
}

TEST_F(frame_allocator_test, AFrameGivenBackZeroedIsStillZeroedWithoutTheLink) {
  // More than one, so that each but the last has been linked to another.
  auto taken = take_all();
  for (const physical f : taken) frames.free_zeroed(f);
  taken = take_all();
  ASSERT_EQ(taken.size(), usable);
  for (const physical f : taken) EXPECT_TRUE(zeroed(f));
  for (const physical f : taken) frames.free_zeroed(f);
}

TEST_F(frame_allocator_test, ZeroedFramesGoBackManyAtATimeInFrontOfThoseThere) {
  auto taken = take_all();
  frames.free_zeroed(taken[0]);
  {
    frame_allocator::zeroed_batch none(frames);
    frame_allocator::zeroed_batch rest(frames);
    for (std::size_t i = 1; i < taken.size(); ++i) rest.put(taken[i]);
    EXPECT_EQ(frames.in_use(), usable - 1);  // not before it goes
  }
  EXPECT_EQ(frames.in_use(), 0U);
  const auto again = take_all();
  EXPECT_EQ(std::set(again.begin(), again.end()), std::set(taken.begin(), taken.end()));
  for (const physical f : again) EXPECT_TRUE(zeroed(f));
  for (const physical f : again) frames.free_zeroed(f);
}

TEST_F(frame_allocator_test, ExhaustionGivesNoneUntilOneComesBack) {
  const auto taken = take_all();
  EXPECT_EQ(frames.allocate(), physical{0});
  EXPECT_EQ(frames.in_use(), usable);
  frames.free(taken[3]);
  EXPECT_EQ(frames.allocate(), taken[3]);
  EXPECT_EQ(frames.allocate(), physical{0});
  frames.free_zeroed(taken[5]);  // nobody wrote to it
  EXPECT_EQ(frames.allocate(), taken[5]);
  for (const physical f : taken) frames.free(f);
  EXPECT_EQ(frames.in_use(), 0U);
}

TEST_F(frame_allocator_test, TheSmallestRegionHasOneFrame) {
  const memory two_pages(2);  // the counts, and one
  frame_allocator one(two_pages.begin(), two_pages.bytes());
  const physical f = one.allocate();
  EXPECT_EQ(f, physical{page_size});
  EXPECT_EQ(one.allocate(), physical{0});
  one.free(f);
}

TEST_F(frame_allocator_test, APartOfAPageAtTheEndIsNotUsed) {
  const memory three_pages(3);
  frame_allocator one(three_pages.begin(), 2 * page_size + page_size / 2);
  EXPECT_EQ(one.allocate(), physical{page_size});
  EXPECT_EQ(one.allocate(), physical{0});
}

// ---- counts --------------------------------------------------------------------------------------

TEST_F(frame_allocator_test, TheLastHolderGivesItBack) {
  const physical f = frames.allocate();
  EXPECT_EQ(frames.count(f), 1U);
  frames.get(f);
  frames.get(f);
  EXPECT_EQ(frames.count(f), 3U);
  frames.put(f);
  EXPECT_FALSE(frames.put_last(f));
  EXPECT_EQ(frames.in_use(), 1U);
  EXPECT_TRUE(frames.put_last(f));
  frames.free(f);
  EXPECT_EQ(frames.in_use(), 0U);
  EXPECT_EQ(frames.allocate(), f);
  EXPECT_EQ(frames.count(f), 1U) << "whoever has it next begins anew";
  frames.put(f);
  EXPECT_EQ(frames.in_use(), 0U);
}

TEST_F(frame_allocator_test, ABatchGivesBackWhatItWasTheLastHolderOf) {
  auto taken = take_all();
  frames.get(taken[4]);
  for (const physical f : taken) fill_with_dirt(f);
  {
    frame_allocator::batch gone(frames);
    for (const physical f : taken) gone.put(f);
  }
  EXPECT_EQ(frames.in_use(), 1U);
  auto again = take_all();
  EXPECT_EQ(again.size(), usable - 1);
  for (const physical f : again) EXPECT_TRUE(zeroed(f));
  EXPECT_EQ(std::count(again.begin(), again.end(), taken[4]), 0);
  frames.put(taken[4]);
  for (const physical f : again) frames.free(f);
}

TEST_F(frame_allocator_test, OneMoreHolderUnderALockIsOneMoreHolder) {
  const physical f = frames.allocate();
  for (std::uint32_t holders = 2; holders <= 4; ++holders) {
    frames.get_locked(f);
    EXPECT_EQ(frames.count(f), holders);
  }
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(frames.put_last(f));
  EXPECT_TRUE(frames.put_last(f));
  frames.free(f);
  EXPECT_EQ(frames.in_use(), 0U);
}

TEST_F(frame_allocator_test, TheLowestFirstInWhateverOrderTheyCameBack) {
  auto taken = take_all();
  EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
  std::shuffle(taken.begin(), taken.end(), std::mt19937(1));
  {
    frame_allocator::batch gone(frames);
    for (std::size_t i = 0; i < usable / 2; ++i) gone.put(taken[i]);
  }
  for (std::size_t i = usable / 2; i < usable; ++i) frames.free(taken[i]);
  const auto again = take_all();
  EXPECT_EQ(again.size(), usable);
  EXPECT_TRUE(std::is_sorted(again.begin(), again.end()));
  for (const physical f : again) frames.free(f);
}

TEST_F(frame_allocator_test, ABatchOfMoreThanItKeeps) {
  constexpr std::size_t all = 9000;
  const memory large(machine::frames_with_counts(all));
  frame_allocator many(large.begin(), large.bytes());
  std::vector<physical> taken;
  for (physical f = many.allocate(); f != physical{0}; f = many.allocate()) taken.push_back(f);
  ASSERT_EQ(taken.size(), all);
  {
    // No two that follow each other are neighbours.
    frame_allocator::batch gone(many);
    for (std::size_t i = 0; i < all; ++i) gone.put(taken[i * 100 % all + i * 100 / all]);
  }
  EXPECT_EQ(many.in_use(), 0U);
  for (const physical f : taken) ASSERT_EQ(many.allocate(), f);
  EXPECT_EQ(many.allocate(), physical{0});
}

TEST_F(frame_allocator_test, ACountThatWouldOverflowStaysAndItsFrameIsNeverFreed) {
  const physical f = frames.allocate();
  // Nobody has time for 2^31 holders: the count is where the region begins, one word per frame.
  std::uint32_t almost = (std::uint32_t{1} << 31) - 1;
  std::memcpy(ram.begin() + (static_cast<std::uint64_t>(f) / page_size) * sizeof almost, &almost,
              sizeof almost);
  frames.get(f);
  const std::uint32_t saturated = frames.count(f);
  EXPECT_GT(saturated, almost);
  for (int i = 0; i < 1000; ++i) {
    frames.put(f);
    EXPECT_EQ(frames.count(f), saturated);
  }
  for (int i = 0; i < 1000; ++i) frames.get(f);
  EXPECT_EQ(frames.count(f), saturated);
  EXPECT_EQ(frames.in_use(), 1U);
}

TEST_F(frame_allocator_test, CountsOfALargeRegionTakeTheirOwnFramesAndNoMore) {
  constexpr std::size_t all = 2900;  // counts, and a bit each, of 990 frames fit into one
  const memory large(all);
  frame_allocator many(large.begin(), large.bytes());
  std::vector<physical> taken;
  for (physical f = many.allocate(); f != physical{0}; f = many.allocate()) {
    EXPECT_GE(static_cast<std::uint64_t>(f), 3 * page_size);
    std::memset(many.table(f), 0xFF, page_size);
    taken.push_back(f);
  }
  EXPECT_EQ(taken.size(), all - 3);
  for (const physical f : taken) EXPECT_EQ(many.count(f), 1U);
  for (const physical f : taken) many.put(f);
  EXPECT_EQ(many.in_use(), 0U);
  EXPECT_TRUE(large.fences_intact());
}

TEST_F(frame_allocator_test, HoldersThatComeAndGoOnManyThreads) {
  platform::alone = false;
  for (int round = 0; round < 200; ++round) {
    const physical f = frames.allocate();
    for (int i = 0; i < 3; ++i) frames.get(f);
    std::atomic<int> freed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          frames.get(f);
          frames.put(f);
        }
        if (frames.put_last(f)) ++freed;
      });
    }
    for (std::thread& t : threads) t.join();
    ASSERT_EQ(freed, 1);
    frames.free(f);
  }
  platform::alone = true;
  EXPECT_EQ(frames.in_use(), 0U);
}

TEST_F(frame_allocator_test, AnyOrderOfTakingAndGivingBack) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<physical> mine;
    for (int step = 0; step < 500; ++step) {
      if (random() % 2 == 0) {
        const physical f = frames.allocate();
        ASSERT_EQ(f == physical{0}, mine.size() == usable) << "seed " << seed;
        if (f == physical{0}) continue;
        ASSERT_TRUE(zeroed(f)) << "seed " << seed;
        ASSERT_EQ(std::count(mine.begin(), mine.end(), f), 0) << "seed " << seed;
        mine.push_back(f);
      } else if (!mine.empty()) {
        std::swap(mine[random() % mine.size()], mine.back());
        if (random() % 2 == 0) {
          fill_with_dirt(mine.back());
          frames.free(mine.back());
        } else {
          frames.free_zeroed(mine.back());
        }
        mine.pop_back();
      }
      ASSERT_EQ(frames.in_use(), mine.size()) << "seed " << seed;
    }
    for (const physical f : mine) frames.free(f);
  }
  EXPECT_TRUE(ram.fences_intact());
}

TEST_F(frame_allocator_test, ThreadsNeverShareAFrame) {
  platform::alone = false;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (std::uint64_t me = 1; me <= 4; ++me) {
    threads.emplace_back([&, me] {
      std::mt19937 random(static_cast<std::uint32_t>(me));
      for (int round = 0; round < 2000; ++round) {
        std::vector<physical> mine;
        for (auto n = random() % 5 + 1; n != 0; --n) {
          const physical f = frames.allocate();
          if (f == physical{0}) break;
          if (!zeroed(f)) ++wrong;
          std::fill_n(frames.table(f), trefoil::mm::table_entries, me);
          mine.push_back(f);
        }
        for (const physical f : mine) {
          const std::uint64_t* const words = frames.table(f);
          if (!std::all_of(words, words + trefoil::mm::table_entries,
                           [me](std::uint64_t w) { return w == me; })) {
            ++wrong;
          }
          if (random() % 2 == 0) {
            frames.free(f);
          } else {
            std::fill_n(frames.table(f), trefoil::mm::table_entries, 0);
            frames.free_zeroed(f);
          }
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  platform::alone = true;
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(frames.in_use(), 0U);
  EXPECT_EQ(take_all().size(), usable);
}

}  // namespace
