// SPDX-License-Identifier: Apache-2.0
// Page tables, looked at from the other side: a walker that was written from the processor's manual
// and shares nothing with the code under test.
#include "hardware.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

namespace {

using namespace board;

class page_tables_test : public board_test {
 protected:
  machine box{4000};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);

  [[nodiscard]] user_ref new_space() { return make<address_space>(box.all, root, 1U); }
  [[nodiscard]] std::size_t entries_set_in_user_half(std::uint64_t pgd) const {
    const std::uint64_t* const words = box.frames.table(physical{pgd});
    return 256U - static_cast<std::size_t>(std::count(words, words + 256, 0U));
  }
};

constexpr std::uint64_t last_page = 0x7FFF'FFFF'E000;

TEST_F(page_tables_test, HardwareSeesThePageWithThePermissionsOfItsRange) {
  user_ref space = new_space();
  std::uint64_t at = 0x40'0000;
  for (const bool writable : {false, true}) {
    for (const bool executable : {false, true}) {
      ASSERT_TRUE(map(space, {at, at + 2 * page_size, writable, executable}));
      EXPECT_FALSE(hardware.walk(cr3(space), at)) << "mapped is not yet present";
      ASSERT_TRUE(touch(space, at + 123));
      const auto seen = hardware.walk(cr3(space), at);
      ASSERT_TRUE(seen);
      EXPECT_EQ(seen->writable, writable);
      EXPECT_EQ(seen->executable, executable);
      EXPECT_TRUE(seen->user);
      EXPECT_FALSE(hardware.walk(cr3(space), at + page_size)) << "only what was touched";
      at += 0x40'0000'0000;
    }
  }
}

TEST_F(page_tables_test, TheFirstAndTheLastPageOfUserSpace) {
  user_ref space = new_space();
  ASSERT_TRUE(map(space, {0, page_size, true, false}));
  ASSERT_TRUE(map(space, {last_page, last_page + page_size, true, false}));
  ASSERT_TRUE(touch(space, 0));
  ASSERT_TRUE(touch(space, last_page + page_size - 1));
  const auto first = hardware.walk(cr3(space), 0);
  const auto last = hardware.walk(cr3(space), last_page);
  ASSERT_TRUE(first && last);
  EXPECT_NE(first->frame, last->frame);
  EXPECT_EQ(entries_set_in_user_half(cr3(space)), 2U);
}

TEST_F(page_tables_test, APageIsZeroedAndStaysWhenItIsFaultedAgain) {
  user_ref space = new_space();
  ASSERT_TRUE(map(space, {0x1000, 0x2000, true, false}));
  ASSERT_TRUE(touch(space, 0x1000));
  const auto before = hardware.walk(cr3(space), 0x1000);
  ASSERT_TRUE(before);
  std::uint64_t* const words = box.frames.table(physical{before->frame});
  EXPECT_EQ(std::count(words, words + 512, 0U), 512);
  words[7] = 7;
  const std::size_t in_use = box.frames.in_use();
  ASSERT_TRUE(touch(space, 0x1FFF));
  const auto after = hardware.walk(cr3(space), 0x1000);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->frame, before->frame);
  EXPECT_EQ(words[7], 7U);
  EXPECT_EQ(box.frames.in_use(), in_use);
}

TEST_F(page_tables_test, NeighboursShareTheirTables) {
  user_ref space = new_space();
  ASSERT_TRUE(map(space, {0x1000, 0x2000, true, false}));
  ASSERT_TRUE(map(space, {0x2000, 0x3000, false, true}));
  ASSERT_TRUE(touch(space, 0x1000));
  EXPECT_EQ(box.frames.in_use(), 1U + 3 + 1) << "pgd, three tables, a page";
  ASSERT_TRUE(touch(space, 0x2000));
  EXPECT_EQ(box.frames.in_use(), 1U + 3 + 2);
  EXPECT_TRUE(hardware.walk(cr3(space), 0x1000)->writable);
  EXPECT_FALSE(hardware.walk(cr3(space), 0x2000)->writable);
}

TEST_F(page_tables_test, FaultsOutsideRangesAreRefused) {
  user_ref space = new_space();
  ASSERT_TRUE(map(space, {0x2000, 0x4000, true, false}));
  const std::size_t in_use = box.frames.in_use();
  EXPECT_FALSE(touch(space, 0x1FFF));
  EXPECT_FALSE(touch(space, 0x4000));
  EXPECT_FALSE(touch(space, std::uint64_t{1} << 47));
  EXPECT_FALSE(touch(space, ~std::uint64_t{0}));
  EXPECT_EQ(box.frames.in_use(), in_use);
}

TEST_F(page_tables_test, RangesOfDifferentKindsStayApartThoughTheyTouch) {
  user_ref space = new_space();
  ASSERT_TRUE(map(space, {0x4000, 0x8000, true, false}));
  EXPECT_FALSE(map(space, {0x1001, 0x2000, true, false})) << "unaligned start";
  EXPECT_FALSE(map(space, {last_page, last_page + 2 * page_size, true, false})) << "too high";
  EXPECT_FALSE(map(space, {0x3000, 0x5000, true, false})) << "overlaps";
  ASSERT_EQ(space->vmas().size(), 1U);
  EXPECT_TRUE(map(space, {0x8000, 0x9000, false, false})) << "touches the end";
  EXPECT_TRUE(map(space, {0x3000, 0x4000, true, true})) << "touches the start";
  ASSERT_EQ(space->vmas().size(), 3U);
}

/// Ranges close to each other, so that they share tables of every level, and some far away.
class random_ranges {
 public:
  explicit random_ranges(std::uint32_t seed) : random_(seed) {}

  [[nodiscard]] board::range range() {
    std::uint64_t start = 0;
    switch (below(4)) {
      case 0: start = below(1U << 11) * page_size; break;  // one or few tables
      case 1: start = (std::uint64_t{below(4)} << 30) + below(600) * page_size; break;
      case 2: start = (std::uint64_t{below(256)} << 39) + below(3) * page_size; break;
      default: start = last_page - below(1U << 10) * page_size; break;
    }
    // At times across the border of a table, of any level.
    if (below(3) == 0) {
      const unsigned border = 21 + 9 * below(3);
      start = (start >> border << border) + (std::uint64_t{1} << border) - page_size;
    }
    const std::uint64_t pages = below(8) == 0 ? 1500 : 1 + below(6);
    return {start, start + pages * page_size, below(2) == 0, below(2) == 0};
  }
  [[nodiscard]] std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(random_() % n);
  }

 private:
  std::mt19937 random_;
};

TEST_F(page_tables_test, AnyRangesThatShareTablesLeaveNothingBehind) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_ranges random(seed);
    user_ref space = new_space();
    const std::uint64_t root_table = cr3(space);
    std::map<std::uint64_t, range> present;  // by page
    for (int i = 0; i < 25; ++i) {
      const range r = random.range();
      if (!map(space, r)) continue;
      for (unsigned touched = random.below(6); touched != 0; --touched) {
        const auto pages = static_cast<std::uint32_t>((r.end - r.start) / page_size);
        const std::uint64_t page = r.start + random.below(pages) * page_size;
        ASSERT_TRUE(touch(space, page + random.below(page_size)));
        present.emplace(page, r);
      }
    }
    std::set<std::uint64_t> pages_seen;
    for (const auto& [page, wanted] : present) {
      const auto seen = hardware.walk(root_table, page);
      ASSERT_TRUE(seen);
      EXPECT_EQ(seen->writable, wanted.writable);
      EXPECT_EQ(seen->executable, wanted.executable);
      EXPECT_TRUE(seen->user);
      EXPECT_TRUE(pages_seen.insert(seen->frame).second) << "two pages in one frame";
      // What a program would do with its page; the next owner must not see it.
      std::memset(box.frames.table(physical{seen->frame}), 0x5A, page_size);
    }
    const auto reachable = hardware.reachable(root_table);
    EXPECT_EQ(reachable.size() + 1, box.frames.in_use());
    EXPECT_EQ(std::set(reachable.begin(), reachable.end()).size(), reachable.size());

    const lazy_ref lazy = space.share<page_directory>();
    space.drop();
    EXPECT_EQ(box.frames.in_use(), 1U) << "the page directory alone";
    EXPECT_EQ(entries_set_in_user_half(root_table), 0U);
  }
  EXPECT_EQ(box.frames.in_use(), 0U);
  EXPECT_TRUE(box.ram.fences_intact());
  // Tables went back as "zeroed": they had better be.
  for (physical f = box.frames.allocate(); f != physical{0}; f = box.frames.allocate()) {
    const std::uint64_t* const words = box.frames.table(f);
    ASSERT_EQ(std::count(words, words + 512, 0U), 512);
  }
}

TEST_F(page_tables_test, RunningOutOfFramesHalfWayLeavesNothingBehind) {
  // A page at a fresh place needs three tables and itself.
  for (std::size_t usable = 1; usable <= 9; ++usable) {
    SCOPED_TRACE(usable);
    machine tight{usable};
    {
      user_ref space = make<address_space>(tight.all, root, 1U);
      ASSERT_TRUE(map(space, {0x1000, 0x2000, true, false}));
      ASSERT_TRUE(map(space, {last_page, last_page + page_size, true, false}));
      EXPECT_EQ(touch(space, 0x1000), usable >= 5);
      EXPECT_EQ(touch(space, last_page), usable >= 9);
      EXPECT_LE(tight.frames.in_use(), usable) << "tables that were made stay, the page does not";
      const lazy_ref lazy = space.share<page_directory>();
      space.drop();
      EXPECT_EQ(tight.frames.in_use(), 1U);
    }
    EXPECT_EQ(tight.frames.in_use(), 0U);
    EXPECT_EQ(tight.notes.alive(), 0);
  }
}

TEST_F(page_tables_test, AFaultThatFailedSucceedsOnceThereAreFrames) {
  machine tight{6};
  const physical other = tight.frames.allocate();
  const physical another = tight.frames.allocate();
  user_ref space = make<address_space>(tight.all, root, 1U);
  ASSERT_TRUE(map(space, {0x1000, 0x2000, true, false}));
  EXPECT_FALSE(touch(space, 0x1000));
  tight.frames.free(other);
  EXPECT_TRUE(touch(space, 0x1000));
  EXPECT_EQ(tight.frames.in_use(), 6U);
  tight.frames.free(another);
}

}  // namespace
