// SPDX-License-Identifier: Apache-2.0
// A reference as a value: copy, move, assignment, swap, and the empty one.
#include "address_space.hpp"

#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;

template <class>
struct copy_and_move : staged_test {};
TYPED_TEST_SUITE(copy_and_move, kinds_of_counts);

TYPED_TEST(copy_and_move, a_copy_keeps_the_tier_when_the_original_goes) {
  auto first = make<address_space<TypeParam>>();
  auto second = first;
  EXPECT_EQ(first.use_count(), 2U);
  journal::clear();

  first.drop();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(second.use_count(), 1U);
  EXPECT_EQ(second->of->user, 0);

  second.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TYPED_TEST(copy_and_move, a_move_leaves_the_source_empty_and_the_count_alone) {
  auto first = make<address_space<TypeParam>>();
  const auto* const at = first.address();
  auto second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): empty is what it promises
  EXPECT_EQ(second.address(), at);
  EXPECT_EQ(second.use_count(), 1U);
}

TYPED_TEST(copy_and_move, assignment_drops_what_was_held) {
  auto left = make<address_space<TypeParam>>();
  auto right = make<address_space<TypeParam>>();
  journal::clear();

  left = right;
  EXPECT_EQ(journal::take(), torn_down(0, 3));
  EXPECT_EQ(left.address(), right.address());
  EXPECT_EQ(left.use_count(), 2U);

  left = make<address_space<TypeParam>>();
  journal::clear();
  left = std::move(right);
  EXPECT_EQ(journal::take(), torn_down(0, 3));
  EXPECT_FALSE(right);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(left.use_count(), 1U);

  left = nullptr;
  EXPECT_EQ(journal::take(), torn_down(0, 3));
  EXPECT_FALSE(left);
}

TYPED_TEST(copy_and_move, self_assignment_changes_nothing) {
  auto one = make<address_space<TypeParam>>();
  auto& same = one;  // through a second name: compilers warn of `one = one`
  journal::clear();

  one = same;
  EXPECT_EQ(one.use_count(), 1U);
  one = std::move(same);
  ASSERT_TRUE(one);
  EXPECT_EQ(one.use_count(), 1U);
  one.swap(same);
  ASSERT_TRUE(one);
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(copy_and_move, swap_exchanges_two_objects_without_counting) {
  auto left = make<address_space<TypeParam>>();
  auto right = make<address_space<TypeParam>>();
  const auto* const was_left = left.address();
  const auto* const was_right = right.address();
  journal::clear();

  left.swap(right);
  EXPECT_EQ(left.address(), was_right);
  swap(left, right);
  EXPECT_EQ(left.address(), was_left);

  ref<address_space<TypeParam>, mappings> none;
  swap(left, none);
  EXPECT_FALSE(left);
  EXPECT_EQ(none.use_count(), 1U);
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(copy_and_move, copying_an_empty_reference_gives_an_empty_one) {
  const ref<address_space<TypeParam>, mappings> none;
  auto copy = none;
  EXPECT_FALSE(copy);
  auto held = make<address_space<TypeParam>>();
  journal::clear();
  held = none;
  EXPECT_FALSE(held);
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TYPED_TEST(copy_and_move, an_empty_reference_goes_through_every_call) {
  using object = address_space<TypeParam>;
  ref<address_space<TypeParam>, mappings> none = nullptr;
  EXPECT_FALSE(none);
  EXPECT_TRUE(none == nullptr);
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_EQ(none.address(), nullptr);
  EXPECT_EQ(none.use_count(), 0U);
  EXPECT_EQ(none.template use_count<identity>(), 0U);
  EXPECT_FALSE(none.saturated());
  EXPECT_FALSE(none.template saturated<page_directory>());
  EXPECT_FALSE(none.template share<identity>());

  const ref<object> bare;
  EXPECT_FALSE(bare.template promote<mappings>());
  EXPECT_FALSE(bare.template promote<page_directory>());

  EXPECT_FALSE(std::move(none).template demote<page_directory>());
  none = {};
  EXPECT_FALSE(std::move(none).template demote<identity>(trefoil::context::in_atomic));
  none = {};
  none.drop();
  none.drop(trefoil::context::in_any);
  trefoil::deferred_list later;
  none.drop_into(later);
  EXPECT_TRUE(later.empty());
  EXPECT_EQ(std::move(none).detach(), nullptr);
  EXPECT_FALSE((ref<object, mappings>::adopt(nullptr)));

  ref<address_space<TypeParam>, mappings> other;
  none.swap(other);
  EXPECT_TRUE(none == other);
  none = other;
  none = std::move(other);
  EXPECT_FALSE(none);
}

// ---- assignment from something that the old reference keeps alive ---------------------------------

struct region;
using region_list = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, region>;

struct region final {
  static constexpr auto teardown = trefoil::context::any;

  region(int n, ref<region_list> rest) : number(n), next(std::move(rest)) {}
  region(const region&) = delete;
  region& operator=(const region&) = delete;
  ~region() { journal::write("-" + std::to_string(number)); }

  int number;
  ref<region_list> next;
};

struct walking_a_list : staged_test {
  ref<region_list> head =
      make<region_list>(1, make<region_list>(2, make<region_list>(3, ref<region_list>{})));
};

TEST_F(walking_a_list, copy_assignment_takes_the_new_one_first) {
  head = head->next;
  EXPECT_EQ(journal::take(), journal::entries{"-1"});
  EXPECT_EQ(head->number, 2);
  EXPECT_EQ(head.use_count(), 1U);
  head.drop();
}

TEST_F(walking_a_list, move_assignment_takes_the_new_one_first) {
  head = std::move(head->next);
  EXPECT_EQ(journal::take(), journal::entries{"-1"});
  EXPECT_EQ(head->number, 2);
  head = std::move(head->next);
  EXPECT_EQ(head->number, 3);
  head = std::move(head->next);
  EXPECT_FALSE(head);
  EXPECT_EQ(journal::take(), (journal::entries{"-2", "-3"}));
}

}  // namespace
