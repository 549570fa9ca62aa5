// SPDX-License-Identifier: Apache-2.0
// What a staged object costs in bytes: a deferral node, the counts, the tiers, and nothing else.
#include "staged_test.hpp"

#include <cstddef>
#include <cstdint>

namespace {

using trefoil::basic_staged;

template <int>
struct word_tier {
  static constexpr auto teardown = trefoil::context::any;
  std::uint64_t word = 0;
};
template <int>
struct half_tier {
  static constexpr auto teardown = trefoil::context::any;
  std::uint32_t half = 0;
};
template <int>
struct empty_tier {
  static constexpr auto teardown = trefoil::context::any;
};
struct big_outside {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr auto placement = trefoil::placement::outside;
  std::byte bytes[4096];
};
struct cache_line {
  static constexpr auto teardown = trefoil::context::any;
  alignas(64) std::byte bytes[64];
};

struct keyed : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
  using key = std::uint64_t;
};
struct keyless : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
};

template <class Counts, class... Tiers>
inline constexpr std::size_t size_of = sizeof(basic_staged<test_traits<Counts>, Tiers...>);
template <class Counts, class... Tiers>
inline constexpr std::size_t alignment_of = alignof(basic_staged<test_traits<Counts>, Tiers...>);

constexpr std::size_t node = 2 * sizeof(void*);
using packed = trefoil::packed_counts<>;
using wide = trefoil::wide_counts;
using padded = trefoil::padded_counts;

TEST(object_size, packed_counts_take_one_word_for_all_tiers) {
  EXPECT_EQ((size_of<packed, word_tier<0>>), node + 8 + 8);
  EXPECT_EQ((size_of<packed, word_tier<0>, word_tier<1>>), node + 8 + 2 * 8);
  EXPECT_EQ((size_of<packed, word_tier<0>, word_tier<1>, word_tier<2>>), node + 8 + 3 * 8);
  EXPECT_EQ((size_of<packed, word_tier<0>, word_tier<1>, word_tier<2>, word_tier<3>>),
            node + 8 + 4 * 8);
  EXPECT_EQ((size_of<trefoil::packed_counts<8, 8, 8, 8, 8>, word_tier<0>, word_tier<1>,
                     word_tier<2>, word_tier<3>, word_tier<4>>),
            node + 8 + 5 * 8);
}

TEST(object_size, wide_counts_take_four_bytes_for_each_tier) {
  EXPECT_EQ((size_of<wide, half_tier<0>>), node + 4 + 4);
  EXPECT_EQ((size_of<wide, half_tier<0>, half_tier<1>>), node + 2 * 4 + 2 * 4);
  EXPECT_EQ((size_of<wide, half_tier<0>, half_tier<1>, half_tier<2>>), node + 3 * 4 + 3 * 4);
}

TEST(object_size, padded_counts_take_a_cache_line_for_each_tier) {
  EXPECT_EQ((alignment_of<padded, word_tier<0>, word_tier<1>>), 64U);
  EXPECT_EQ((size_of<padded, word_tier<0>, word_tier<1>>), 64U + 2 * 64 + 64);
}

TEST(object_size, the_default_is_packed_up_to_four_tiers_and_wide_beyond) {
  using trefoil::default_counts;
  EXPECT_EQ((size_of<default_counts, word_tier<0>, word_tier<1>, word_tier<2>, word_tier<3>>),
            (size_of<packed, word_tier<0>, word_tier<1>, word_tier<2>, word_tier<3>>));
  EXPECT_EQ((size_of<default_counts, half_tier<0>, half_tier<1>, half_tier<2>, half_tier<3>,
                     half_tier<4>>),
            node + 5 * 4 + 5 * 4);
  EXPECT_TRUE((default_counts::type<trefoil::threads, 4, false>::one_word));
  EXPECT_FALSE((default_counts::type<trefoil::threads, 5, false>::one_word));
}

TEST(object_size, three_small_tiers_lie_side_by_side) {
  EXPECT_EQ((size_of<packed, half_tier<0>, half_tier<1>>), node + 8 + 2 * 4);
  EXPECT_EQ((size_of<packed, empty_tier<0>, empty_tier<1>, empty_tier<2>>), node + 8 + 8);
}

TEST(object_size, a_tier_outside_takes_a_pointer) {
  EXPECT_EQ((size_of<packed, big_outside, word_tier<0>>), node + 8 + 8 + sizeof(void*));
}

TEST(object_size, alignment_is_that_of_the_most_demanding_tier) {
  EXPECT_EQ((alignment_of<packed, word_tier<0>>), alignof(std::uint64_t));
  EXPECT_EQ((alignment_of<packed, word_tier<0>, cache_line>), 64U);
  EXPECT_EQ((alignment_of<packed, cache_line, word_tier<0>>), 64U);
}

TEST(object_size, a_key_is_paid_for_by_those_who_have_one) {
  EXPECT_EQ(sizeof(basic_staged<keyed, word_tier<0>>), node + 8 + 8 + 8);
  EXPECT_EQ(sizeof(basic_staged<keyless, word_tier<0>>), node + 8 + 8);
}

}  // namespace
