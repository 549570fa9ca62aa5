// SPDX-License-Identifier: Apache-2.0
// pgd_list and the kernel half: a change reaches every page directory there is, and no other frame.
#include "board.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace board;

class kernel_half_test : public board_test {
 protected:
  machine box{64};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);

  [[nodiscard]] user_ref new_space() { return make<address_space>(box.all, root, 1U); }

  /// As hardware would load it: entry 256 + index of the 512 in the frame.
  [[nodiscard]] std::uint64_t entry(physical pgd, std::size_t index) const {
    std::uint64_t word = 0;
    std::memcpy(&word, box.ram.begin() + static_cast<std::uint64_t>(pgd) + (256 + index) * 8,
                sizeof word);
    return word;
  }
  template <class Tier>
  [[nodiscard]] static physical frame_of(const ref<address_space, Tier>& space) {
    return space.template at<page_directory>().frame();
  }
};

TEST_F(kernel_half_test, AChangeReachesEveryLivingPageDirectory) {
  std::vector<user_ref> spaces;
  for (int i = 0; i < 5; ++i) spaces.push_back(new_space());
  EXPECT_EQ(box.all.page_directories(), 5U);
  box.all.set_kernel_entry(0, 0x1111);
  box.all.set_kernel_entry(255, 0x2222);
  for (const user_ref& s : spaces) {
    EXPECT_EQ(entry(frame_of(s), 0), 0x1111U);
    EXPECT_EQ(entry(frame_of(s), 255), 0x2222U);
    for (std::size_t i = 1; i < 255; ++i) EXPECT_EQ(entry(frame_of(s), i), 0U);
    const std::uint64_t* const user_half = box.frames.table(frame_of(s));
    EXPECT_EQ(std::count(user_half, user_half + 256, 0U), 256);
  }
  EXPECT_TRUE(box.ram.fences_intact());
}

TEST_F(kernel_half_test, APageDirectoryBornLaterHasWhatWasSetBefore) {
  box.all.set_kernel_entry(3, 0x3333);
  box.all.set_kernel_entry(3, 0x4444);
  const user_ref space = new_space();
  EXPECT_EQ(entry(frame_of(space), 3), 0x4444U);
  box.all.set_kernel_entry(3, 0);
  EXPECT_EQ(entry(frame_of(space), 3), 0U);
}

TEST_F(kernel_half_test, OneThatLostItsMappingsIsStillReached) {
  user_ref space = new_space();
  const lazy_ref lazy = space.share<page_directory>();
  space.drop();
  EXPECT_EQ(box.all.page_directories(), 1U);
  box.all.set_kernel_entry(9, 0x9999);
  EXPECT_EQ(entry(frame_of(lazy), 9), 0x9999U);
}

TEST_F(kernel_half_test, OneThatIsGoneIsNotWrittenTo) {
  for (const std::size_t gone :
       {0U, 1U, 2U}) {  // the first, one in the middle, the last on the list
    SCOPED_TRACE(gone);
    std::vector<user_ref> spaces;
    for (int i = 0; i < 3; ++i) spaces.push_back(new_space());
    const physical frame = frame_of(spaces[gone]);
    spaces[gone].drop();
    EXPECT_EQ(box.all.page_directories(), 2U);
    // Whoever has the frame now: nobody may write to it.
    const physical taken = box.frames.allocate();
    ASSERT_EQ(taken, frame);
    box.all.set_kernel_entry(1, 0x7777 + gone);
    EXPECT_EQ(entry(taken, 1), 0U);
    for (const user_ref& s : spaces) {
      if (!s) continue;
      EXPECT_EQ(entry(frame_of(s), 1), 0x7777 + gone);
    }
    box.frames.free(taken);
    box.all.set_kernel_entry(1, 0);
  }
  EXPECT_EQ(box.all.page_directories(), 0U);
  box.all.set_kernel_entry(1, 1);  // with nobody on the list
}

TEST_F(kernel_half_test, AFrameGoesBackWithoutTheKernelHalf) {
  for (std::size_t i = 0; i < 256; ++i) box.all.set_kernel_entry(i, ~std::uint64_t{0});
  user_ref space = new_space();
  const physical frame = frame_of(space);
  space.drop();
  ASSERT_EQ(box.frames.allocate(), frame);
  const std::uint64_t* const words = box.frames.table(frame);
  EXPECT_EQ(std::count(words, words + 512, 0U), 512);
  box.frames.free(frame);
}

TEST_F(kernel_half_test, TheListFollowsAnyOrderOfBirthsAndDeaths) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<lazy_ref> living;
    for (std::uint64_t step = 1; step <= 200; ++step) {
      if (random() % 2 == 0 && living.size() < 40) {
        living.push_back(new_space().share<page_directory>());
      } else if (!living.empty()) {
        std::swap(living[random() % living.size()], living.back());
        living.pop_back();
      }
      ASSERT_EQ(box.all.page_directories(), living.size());
      box.all.set_kernel_entry(step % 256, step);
      for (const lazy_ref& s : living) ASSERT_EQ(entry(frame_of(s), step % 256), step);
    }
  }
}

TEST_F(kernel_half_test, ThreadsThatComeAndGoWhileItChanges) {
  platform::alone = false;
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      std::vector<lazy_ref> mine;
      for (int round = 0; round < 3000; ++round) {
        user_ref space = try_make<address_space>(box.all, root, 1U);
        if (!space) ++wrong;
        if (round % 3 == 0) mine.push_back(space.share<page_directory>());
        if (mine.size() > 4) mine.clear();
      }
    });
  }
  std::thread changer([&] {
    for (std::uint64_t n = 1; !stop; ++n) {
      box.all.set_kernel_entry(n % 4, n);
      if (box.all.page_directories() > 3 * 6) ++wrong;
    }
  });
  for (std::thread& t : threads) t.join();
  stop = true;
  changer.join();
  platform::alone = true;
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(box.all.page_directories(), 0U);
  EXPECT_EQ(box.frames.in_use(), 0U);
  EXPECT_EQ(box.notes.alive(), 0);
  // What was left on the free list is clean, whoever wrote last.
  for (physical f = box.frames.allocate(); f != physical{0}; f = box.frames.allocate()) {
    const std::uint64_t* const words = box.frames.table(f);
    ASSERT_EQ(std::count(words, words + 512, 0U), 512);
  }
}

}  // namespace
