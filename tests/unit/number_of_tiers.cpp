// SPDX-License-Identifier: Apache-2.0
// Objects of one to six tiers behave alike, whatever counts them.
#include "staged_test.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;

/// One of N stages; K = 0 is the outermost.
template <std::size_t K>
struct stage final {
  static constexpr auto teardown = trefoil::context::any;

  stage() { journal::write("+" + std::to_string(K)); }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() { journal::write("-" + std::to_string(K)); }

  std::uint64_t number = K;
};

template <class Counts, std::size_t N>
struct staging {
  static constexpr std::size_t size = N;

  template <class Indices>
  struct of;
  template <std::size_t... K>
  struct of<std::index_sequence<K...>> {
    using type = trefoil::basic_staged<test_traits<Counts>, stage<K>...>;
  };
  using object = typename of<std::make_index_sequence<N>>::type;
};

/// "-first" ... "-(end - 1)", or the births in their order, which is the opposite one.
journal::entries torn(std::size_t first, std::size_t end) {
  journal::entries expected;
  for (std::size_t k = first; k < end; ++k) expected.push_back("-" + std::to_string(k));
  return expected;
}
journal::entries born(std::size_t n) {
  journal::entries expected;
  for (std::size_t k = n; k-- > 0;) expected.push_back("+" + std::to_string(k));
  return expected;
}

// Not templates, so that GoogleTest's macros are expanded once, not for every pair of tiers.
void expect_count(std::uint64_t actual, std::uint64_t expected, std::size_t tier) {
  EXPECT_EQ(actual, expected) << "tier " << tier;
}
void expect_number(std::uint64_t actual, std::size_t tier) { EXPECT_EQ(actual, tier); }
void expect_promoted(bool got, bool expected, std::size_t from, std::size_t to) {
  EXPECT_EQ(got, expected) << from << " to " << to;
}
void expect_written(const journal::entries& expected) { EXPECT_EQ(journal::take(), expected); }

/// Calls use.operator()<K>() for K = First ... End - 1.
template <std::size_t First, std::size_t End, class Use>
void for_each_tier(const Use& use) {
  if constexpr (First < End) {
    use.template operator()<First>();
    for_each_tier<First + 1, End>(use);
  }
}

template <class Object, std::size_t From, std::size_t To>
ref<Object, stage<To>> lower(const ref<Object, stage<From>>& from) {
  if constexpr (From == To) {
    return from;
  } else {
    return from.template share<stage<To>>();
  }
}

/// A reference to each tier of one new object, outermost first.
template <class Object, std::size_t... K>
auto one_of_each(std::index_sequence<K...>) {
  auto whole = make<Object>();
  journal::clear();
  return std::tuple<ref<Object, stage<K>>...>(lower<Object, 0, K>(whole)...);
}

template <class>
struct number_of_tiers : staged_test {};
using trefoil::default_counts;
using trefoil::packed_counts;
using trefoil::padded_counts;
using trefoil::wide_counts;
using numbers =
    ::testing::Types<staging<default_counts, 1>, staging<default_counts, 2>,
                     staging<default_counts, 4>, staging<default_counts, 5>,
                     staging<packed_counts<9, 10>, 2>,
                     staging<packed_counts<8, 9, 10, 11, 12, 14>, 6>, staging<wide_counts, 1>,
                     staging<wide_counts, 6>, staging<padded_counts, 2>, staging<padded_counts, 5>>;
TYPED_TEST_SUITE(number_of_tiers, numbers);

TYPED_TEST(number_of_tiers, one_owner_builds_and_tears_down_all) {
  auto whole = make<typename TypeParam::object>();
  EXPECT_EQ(journal::take(), born(TypeParam::size));
  whole.drop();
  EXPECT_EQ(journal::take(), torn(0, TypeParam::size));
}

TYPED_TEST(number_of_tiers, two_owners_tear_down_all_once) {
  auto whole = make<typename TypeParam::object>();
  auto other = whole;
  journal::clear();
  whole.drop();
  EXPECT_EQ(journal::take(), journal::entries{});
  other.drop();
  EXPECT_EQ(journal::take(), torn(0, TypeParam::size));
}

TYPED_TEST(number_of_tiers, holders_that_go_outermost_first_tear_down_a_tier_each) {
  constexpr std::size_t n = TypeParam::size;
  auto held = one_of_each<typename TypeParam::object>(std::make_index_sequence<n>{});
  for_each_tier<0, n>([&]<std::size_t K>() {
    auto& mine = std::get<K>(held);
    expect_count(mine.use_count(), 1, K);  // those outside are gone
    expect_number(mine->number, K);
    mine.drop();
    expect_written(torn(K, K + 1));
  });
}

TYPED_TEST(number_of_tiers, holders_that_go_innermost_first_tear_down_nothing_till_the_last) {
  constexpr std::size_t n = TypeParam::size;
  auto held = one_of_each<typename TypeParam::object>(std::make_index_sequence<n>{});
  for_each_tier<1, n>([&]<std::size_t I>() {
    auto& mine = std::get<n - I>(held);
    expect_count(mine.use_count(), 2, n - I);  // its own and the collective one
    mine.drop();
    expect_written({});
  });
  std::get<0>(held).drop();
  expect_written(torn(0, n));
}

TYPED_TEST(number_of_tiers, a_holder_of_each_tier_keeps_just_that_and_those_inside) {
  constexpr std::size_t n = TypeParam::size;
  using object = typename TypeParam::object;
  for_each_tier<0, n>([]<std::size_t K>() {
    auto kept = lower<object, 0, K>(make<object>());
    expect_count(journal::take().size(), n + K, K);  // all built, those outside K torn down
    for_each_tier<0, K>([&kept]<std::size_t Gone>() {
      expect_promoted(bool(kept.template promote<stage<Gone>>()), false, K, Gone);
      expect_count(kept.template use_count<stage<Gone>>(), 0, Gone);
    });
    for_each_tier<K, n>([&kept]<std::size_t Alive>() {
      expect_number(kept.template at<stage<Alive>>().number, Alive);
      expect_count(kept.template use_count<stage<Alive>>(), 1, Alive);
    });
    kept.drop();
    expect_written(torn(K, n));
  });
}

TYPED_TEST(number_of_tiers, promote_from_each_to_each_outside_while_all_live) {
  constexpr std::size_t n = TypeParam::size;
  auto held = one_of_each<typename TypeParam::object>(std::make_index_sequence<n>{});
  for_each_tier<0, n>([&held]<std::size_t From>() {
    for_each_tier<0, From>([&held]<std::size_t To>() {
      const auto before = std::get<To>(held).use_count();
      auto higher = std::get<From>(held).template promote<stage<To>>();
      expect_promoted(bool(higher), true, From, To);
      if (higher) expect_number(higher->number, To);
      expect_count(std::get<To>(held).use_count(), before + 1, To);
    });
  });
  expect_written({});
}

TYPED_TEST(number_of_tiers, demote_from_the_outermost_to_each) {
  constexpr std::size_t n = TypeParam::size;
  using object = typename TypeParam::object;
  for_each_tier<1, n>([]<std::size_t To>() {
    auto whole = make<object>();
    journal::clear();
    auto rest = std::move(whole).template demote<stage<To>>();
    expect_written(torn(0, To));
    expect_count(rest.use_count(), 1, To);
    rest.drop();
    expect_written(torn(To, n));
  });
}

}  // namespace
