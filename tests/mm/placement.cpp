// SPDX-License-Identifier: Apache-2.0
// Where mmap puts what has no place of its own: compared with a search that looks at every page, and
// in the corners that the comparison with Linux does not reach.
#include "board.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace board;
using trefoil::mm::error;
using trefoil::mm::mmap_min_addr;
using trefoil::mm::user_end;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

constexpr unsigned how = flag::privately | flag::anonymous;

class placement : public board_test {
 protected:
  machine box{16};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  user_ref space = make<address_space>(box.all, root, 1U);

  [[nodiscard]] std::uint64_t place(std::uint64_t hint, std::uint64_t length, unsigned more = 0) {
    const auto at = space->mmap(hint, length, prot::read, how | more);
    return at ? at.address : 0;
  }
};

TEST_F(placement, TheHighestHoleThatIsLargeEnough) {
  constexpr std::uint64_t pages = 200;
  constexpr std::uint64_t lowest = mmap_min_addr;
  constexpr std::uint64_t base = lowest + pages * page_size;
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    space = make<address_space>(box.all, root, 1U);
    space->set_mmap_base(base);
    std::vector<bool> taken(pages);
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t n = 1 + random() % (random() % 8 == 0 ? 60 : 6);
      if (random() % 2 == 0) {
        std::optional<std::uint64_t> expected;
        for (std::uint64_t end = pages; end >= n && !expected; --end) {
          const auto from = taken.begin() + static_cast<std::ptrdiff_t>(end - n);
          if (std::find(from, from + static_cast<std::ptrdiff_t>(n), true) ==
              from + static_cast<std::ptrdiff_t>(n)) {
            expected = end - n;
          }
        }
        const std::uint64_t at = place(0, n * page_size, static_cast<unsigned>(random() % 3) << 14);
        if (!expected) {
          ASSERT_GE(at, user_end / 3 - page_size) << "upwards, where there is nothing";
          ASSERT_EQ(space->munmap(at, n * page_size), error::none);
          continue;
        }
        ASSERT_EQ(at, lowest + *expected * page_size);
        std::fill_n(taken.begin() + static_cast<std::ptrdiff_t>(*expected), n, true);
      } else {
        const std::uint64_t at = random() % (pages - n);
        ASSERT_EQ(space->munmap(lowest + at * page_size, n * page_size), error::none);
        std::fill_n(taken.begin() + static_cast<std::ptrdiff_t>(at), n, false);
      }
    }
  }
}

TEST_F(placement, UpwardsWhenThereIsNoRoomBelow) {
  space->set_mmap_base(mmap_min_addr + 4 * page_size);
  const std::uint64_t up = user_end / 3 / page_size * page_size;
  EXPECT_EQ(place(0, 5 * page_size), up);
  EXPECT_EQ(place(0, 4 * page_size), mmap_min_addr);
  EXPECT_EQ(place(0, page_size), up + 5 * page_size);
  EXPECT_EQ(space->munmap(up + page_size, 2 * page_size), error::none);
  EXPECT_EQ(place(0, 3 * page_size, flag::noreserve), up + 6 * page_size);
  EXPECT_EQ(place(0, 2 * page_size), up + page_size);
  EXPECT_EQ(space->mmap(0, user_end / 3 * 2 + 16 * page_size, prot::none, how).why, error::enomem);
}

TEST_F(placement, HintsAreRoundedAndKeptAwayFromNull) {
  EXPECT_EQ(place(0x50'0FFF, page_size), 0x50'0000U);
  EXPECT_EQ(place(0x1000, page_size), mmap_min_addr);
  EXPECT_GT(place(0x50'0000, page_size), 0x50'0000U) << "something is there";
  EXPECT_EQ(place(user_end - page_size, page_size), user_end - page_size);
  EXPECT_LT(place(user_end - page_size, 2 * page_size), user_end - page_size) << "does not fit";
  EXPECT_EQ(place(0, page_size, flag::fixed), 0U) << "who insists gets it";
  EXPECT_EQ(space->map_count(), 5U) << "two of them are neighbours";
}

TEST_F(placement, WhatDoesNotFitAnywhere) {
  EXPECT_EQ(space->mmap(0, 0, prot::read, how).why, error::einval);
  EXPECT_EQ(space->mmap(0, user_end + page_size, prot::read, how).why, error::enomem);
  EXPECT_EQ(space->mmap(0, ~std::uint64_t{0}, prot::read, how).why, error::enomem);
  EXPECT_EQ(space->mmap(user_end, page_size, prot::read, how | flag::fixed).why, error::enomem);
  EXPECT_EQ(space->mmap(0x1001, page_size, prot::read, how | flag::fixed).why, error::einval);
  EXPECT_EQ(space->mmap(0, page_size, prot::read, flag::privately).why, error::ebadf) << "no file";
  EXPECT_EQ(space->mmap(0, 0, prot::read, flag::privately).why, error::ebadf) << "asked first";
  for (const unsigned left_out : {0x40U, 0x100U, 0x2000U, 0x4'0000U}) {
    EXPECT_EQ(space->mmap(0, page_size, prot::read, how | left_out).why, error::einval);
  }
  EXPECT_EQ(space->mremap(0, page_size, page_size, 5, 0x1000).why, error::einval)
      << "MREMAP_DONTUNMAP";
  EXPECT_EQ(space->map_count(), 0U);
  EXPECT_TRUE(space->mmap(0, user_end, prot::none, how | flag::fixed)) << "all of it";
  EXPECT_EQ(space->mmap(0, page_size, prot::read, how).why, error::enomem);
  EXPECT_EQ(space->brk(0x1000), 0U) << "no heap was set up";
}

}  // namespace
