// SPDX-License-Identifier: Apache-2.0
// From one tier's reference to another's: share, promote and demote between all pairs of tiers, and
// which teardowns each causes.
#include "address_space.hpp"

#include <type_traits>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;

/// A new object whose only reference is one to Tier; the tiers outside it are gone.
template <class Object, class Tier>
ref<Object, Tier> alone() {
  auto whole = make<Object>();
  if constexpr (std::is_same_v<Tier, mappings>) {
    journal::clear();
    return whole;
  } else {
    auto result = std::move(whole).template demote<Tier>();
    journal::clear();
    return result;
  }
}

template <class Object, class Outer, class Inner>
void share_keeps_the_inner_tier() {
  auto outer = alone<Object, Outer>();
  const auto inner_before = outer.template use_count<Inner>();

  auto inner = outer.template share<Inner>();
  EXPECT_EQ(&*inner, &outer.template at<Inner>());
  EXPECT_EQ(outer.use_count(), 1U);
  EXPECT_EQ(inner.use_count(), inner_before + 1);
  EXPECT_EQ(journal::take(), nothing);

  outer.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, place<Inner>));
  EXPECT_EQ(inner.use_count(), 1U);
  inner.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Inner>, 3));
}

template <class Object, class Outer, class Inner>
void the_inner_reference_may_go_first() {
  auto outer = alone<Object, Outer>();
  outer.template share<Inner>().drop();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(outer.template use_count<Inner>(), 1U);
  outer.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, 3));
}

template <class Object, class Outer, class Inner>
void demote_of_the_last_tears_down_what_is_between() {
  auto outer = alone<Object, Outer>();
  auto inner = std::move(outer).template demote<Inner>();
  EXPECT_FALSE(outer);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, place<Inner>));
  EXPECT_EQ(inner.use_count(), 1U);
  inner.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Inner>, 3));
}

template <class Object, class Outer, class Inner>
void demote_of_one_of_two_tears_nothing_down() {
  auto outer = alone<Object, Outer>();
  auto other = outer;
  auto inner = std::move(outer).template demote<Inner>();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(other.use_count(), 1U);
  EXPECT_EQ(inner.use_count(), 2U);  // its own and the collective one
  other.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, place<Inner>));
  inner.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Inner>, 3));
}

template <class Object, class Outer, class Inner>
void promote_succeeds_while_the_outer_tier_lives() {
  auto outer = alone<Object, Outer>();
  auto inner = outer.template share<Inner>();
  auto again = inner.template promote<Outer>();
  ASSERT_TRUE(again);
  EXPECT_EQ(&*again, &*outer);
  EXPECT_EQ(outer.use_count(), 2U);
  EXPECT_EQ(inner.use_count(), 2U);

  outer.drop();
  EXPECT_EQ(journal::take(), nothing);
  again.drop();
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, place<Inner>));
}

template <class Object, class Outer, class Inner>
void promote_is_empty_once_the_outer_tier_is_gone() {
  auto inner = alone<Object, Outer>().template share<Inner>();
  EXPECT_EQ(journal::take(), torn_down(place<Outer>, place<Inner>));
  EXPECT_FALSE(inner.template promote<Outer>());
  EXPECT_EQ(inner.template use_count<Outer>(), 0U);
  EXPECT_EQ(inner.use_count(), 1U);
}

template <class>
struct all_pairs_of_tiers : staged_test {};
TYPED_TEST_SUITE(all_pairs_of_tiers, kinds_of_counts);

#define FOR_ALL_PAIRS(behaviour)                                                                   \
  TYPED_TEST(all_pairs_of_tiers, behaviour) {                                                      \
    using object = address_space<TypeParam>;                                                       \
    behaviour<object, mappings, page_directory>();                                                 \
    journal::clear();                                                                              \
    behaviour<object, mappings, identity>();                                                       \
    journal::clear();                                                                              \
    behaviour<object, page_directory, identity>();                                                 \
  }
FOR_ALL_PAIRS(share_keeps_the_inner_tier)
FOR_ALL_PAIRS(the_inner_reference_may_go_first)
FOR_ALL_PAIRS(demote_of_the_last_tears_down_what_is_between)
FOR_ALL_PAIRS(demote_of_one_of_two_tears_nothing_down)
FOR_ALL_PAIRS(promote_succeeds_while_the_outer_tier_lives)
FOR_ALL_PAIRS(promote_is_empty_once_the_outer_tier_is_gone)

template <class>
struct three_tiers : staged_test {};
TYPED_TEST_SUITE(three_tiers, kinds_of_counts);

TYPED_TEST(three_tiers, are_built_from_the_inside_and_torn_down_from_the_outside) {
  auto user = make<address_space<TypeParam>>();
  EXPECT_EQ(journal::take(), (journal::entries{"+identity", "+page_directory", "+mappings"}));
  user.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TYPED_TEST(three_tiers, count_their_holders_and_the_tier_outside_as_one) {
  auto user = make<address_space<TypeParam>>();
  const auto second = user;
  const auto lazy = user.template share<page_directory>();
  const auto bare = user.template share<identity>();
  const auto also_bare = lazy.template share<identity>();
  EXPECT_EQ(bare.template use_count<mappings>(), 2U);
  EXPECT_EQ(bare.template use_count<page_directory>(), 2U);
  EXPECT_EQ(bare.template use_count<identity>(), 3U);
  EXPECT_EQ(user.template use_count<identity>(), 3U);
}

TYPED_TEST(three_tiers, promote_reaches_the_tiers_that_are_left) {
  auto user = make<address_space<TypeParam>>();
  auto lazy = user.template share<page_directory>();
  const auto bare = user.template share<identity>();
  user.drop();

  EXPECT_FALSE(bare.template promote<mappings>());
  auto second_lazy = bare.template promote<page_directory>();
  ASSERT_TRUE(second_lazy);
  EXPECT_FALSE(second_lazy.template promote<mappings>());
  lazy.drop();
  journal::clear();
  second_lazy.drop();
  EXPECT_EQ(journal::take(), torn_down(1, 2));
  EXPECT_FALSE(bare.template promote<page_directory>());
}

TYPED_TEST(three_tiers, holders_see_the_same_tiers) {
  auto user = make<address_space<TypeParam>>();
  user->areas = 3;
  user.template at<page_directory>().entries = 5;
  user.template at<identity>().user = 7;
  auto lazy = user.template share<page_directory>();
  auto bare = user.template share<identity>();
  EXPECT_EQ(lazy->entries, 5);
  EXPECT_EQ(lazy.template at<page_directory>().entries, 5);
  EXPECT_EQ(lazy.template at<identity>().user, 7);
  EXPECT_EQ((*bare).user, 7);
  EXPECT_EQ(bare.get()->user, 7);
  EXPECT_EQ(&user->in->entries, &lazy->entries);
  EXPECT_EQ(user->of, bare.get());
  EXPECT_EQ(bare.template promote<mappings>()->areas, 3);
}

TYPED_TEST(three_tiers, demote_step_by_step_tears_one_tier_down_at_a_time) {
  auto user = make<address_space<TypeParam>>();
  journal::clear();
  auto lazy = std::move(user).template demote<page_directory>();
  EXPECT_EQ(journal::take(), torn_down(0, 1));
  auto bare = std::move(lazy).template demote<identity>();
  EXPECT_EQ(journal::take(), torn_down(1, 2));
  bare.drop();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

}  // namespace
