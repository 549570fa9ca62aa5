// SPDX-License-Identifier: Apache-2.0
// A set of numbers gives the lowest first, whatever came and went in whatever order, with one level
// of bits and with several; and keeps to the room that it said it needs.
#include <trefoil/mm/frame_set.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace {

using trefoil::mm::frame_set;

constexpr std::uint64_t fence = 0xAAAA'AAAA'AAAA'AAAA;

/// Room for a set, dirty, with a fence behind it.
struct room {
  explicit room(std::size_t n)
      : words(frame_set::bytes_for(n) / sizeof(std::uint64_t) + 1, fence) {}
  [[nodiscard]] std::byte* begin() { return reinterpret_cast<std::byte*>(words.data()); }
  [[nodiscard]] bool fence_intact() const { return words.back() == fence; }
  std::vector<std::uint64_t> words;
};

void add(frame_set& s, std::uint32_t n) {
  s.add(n / frame_set::bits, std::uint64_t{1} << (n % frame_set::bits));
}

TEST(frame_set_test, SaysHowMuchRoomItNeeds) {
  EXPECT_EQ(frame_set::bytes_for(1), 8U);
  EXPECT_EQ(frame_set::bytes_for(64), 8U);
  EXPECT_EQ(frame_set::bytes_for(65), 8U * (2 + 1));
  EXPECT_EQ(frame_set::bytes_for(64 * 64), 8U * (64 + 1));
  EXPECT_EQ(frame_set::bytes_for(64 * 64 + 1), 8U * (65 + 2 + 1));
  EXPECT_EQ(frame_set::bytes_for(std::size_t{1} << 22), 8U * (65536 + 1024 + 16 + 1)) << "16 GiB";
}

TEST(frame_set_test, BeginsEmptyInRoomThatItDoesNotTouch) {
  for (const std::size_t n : {1U, 64U, 65U, 5000U}) {
    room r(n);
    frame_set s(r.begin(), n);
    EXPECT_TRUE(s.empty());
    for (const std::uint64_t w : r.words) ASSERT_EQ(w, fence);
    s.reach(static_cast<std::uint32_t>(n - 1));
    EXPECT_TRUE(s.empty());
    add(s, static_cast<std::uint32_t>(n - 1));
    EXPECT_FALSE(s.empty());
    EXPECT_EQ(s.take_lowest(), n - 1);
    EXPECT_TRUE(s.empty());
    EXPECT_TRUE(r.fence_intact());
  }
}

TEST(frame_set_test, AWordAtATimeAndOutAgainInOrder) {
  constexpr std::size_t n = 64 * 64 * 3;
  room r(n);
  frame_set s(r.begin(), n);
  s.reach(n - 1);
  for (std::uint32_t word = n / 64; word-- != 0;) s.add(word, ~std::uint64_t{0});
  for (std::uint32_t i = 0; i < n; ++i) ASSERT_EQ(s.take_lowest(), i);
  EXPECT_TRUE(s.empty());
  s.add(1, 0b1010);
  s.add(1, 0b0101);
  for (std::uint32_t i = 64; i < 68; ++i) ASSERT_EQ(s.take_lowest(), i);
  EXPECT_TRUE(s.empty());
}

TEST(frame_set_test, TheLowestOfWhatIsThere) {
  for (const std::size_t n : {40U, 64U, 700U, 4096U, 300'000U}) {
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(testing::Message() << n << " numbers, seed " << seed);
      std::mt19937 random(seed);
      room r(n);
      frame_set s(r.begin(), n);
      std::set<std::uint32_t> model;
      std::uint32_t reached = 0;
      const auto draw = [&] {  // what is reached grows meanwhile
        reached = std::min(static_cast<std::uint32_t>(n), reached + 1 + reached / 64);
        s.reach(reached - 1);
        return static_cast<std::uint32_t>(random() % reached);
      };
      for (int step = 0; step < 20'000; ++step) {
        // More come than go, then more go than come: full and empty are passed again and again.
        const bool fills = step / 500 % 2 == 0;
        if (random() % 4 != (fills ? 0 : 1)) {
          if (fills) {
            const std::uint32_t one = draw();
            if (model.insert(one).second) add(s, one);
            continue;
          }
          if (!model.empty()) {
            ASSERT_EQ(s.take_lowest(), *model.begin());
            model.erase(model.begin());
          }
        } else if (const std::uint32_t one = draw(); model.insert(one).second) {
          add(s, one);
        }
        ASSERT_EQ(s.empty(), model.empty());
      }
      while (!model.empty()) {
        ASSERT_EQ(s.take_lowest(), *model.begin());
        model.erase(model.begin());
      }
      EXPECT_TRUE(s.empty());
      EXPECT_TRUE(r.fence_intact());
    }
  }
}

}  // namespace
