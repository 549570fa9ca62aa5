// SPDX-License-Identifier: Apache-2.0
// ref<const T, Tier>: keeps the tier, and gives constant access to it.
#include "address_space.hpp"

#include <type_traits>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;

using user_ref = ref<mm, mappings>;
using const_user = ref<const mm, mappings>;
using const_bare = ref<const mm, identity>;

static_assert(std::is_same_v<decltype(*std::declval<const_user>()), const mappings&>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().get()), const mappings*>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().operator->()), const mappings*>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().at<identity>()), const identity&>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().share<identity>()), const_bare>);
static_assert(std::is_same_v<decltype(std::declval<const_bare>().promote<mappings>()), const_user>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().demote<identity>()), const_bare>);
static_assert(std::is_same_v<decltype(std::declval<const_user>().address()), const mm*>);

static_assert(std::is_nothrow_convertible_v<user_ref, const_user>);
static_assert(std::is_nothrow_convertible_v<const user_ref&, const_user>);
static_assert(!std::is_constructible_v<user_ref, const_user>, "const is not cast away");
static_assert(!std::is_constructible_v<const_bare, user_ref>, "nor is the tier changed by the way");
static_assert(!std::is_assignable_v<user_ref&, const_user>);

// A constant reference, as opposed to a reference to a constant object, is like a constant pointer.
static_assert(std::is_same_v<decltype(*std::declval<const user_ref>()), mappings&>);

struct constant_access : staged_test {
  user_ref user = make<mm>();
};

TEST_F(constant_access, by_copy_takes_one_more_reference) {
  const_user view = user;
  EXPECT_EQ(user.use_count(), 2U);
  EXPECT_TRUE(view == user);
  journal::clear();
  user.drop();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(view->areas, 0);
  view.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TEST_F(constant_access, by_move_takes_none) {
  const_user view = std::move(user);
  EXPECT_FALSE(user);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(view.use_count(), 1U);
}

TEST_F(constant_access, sees_what_the_others_change) {
  const const_user view = user;
  user->areas = 3;
  user.at<identity>().user = 7;
  EXPECT_EQ(view->areas, 3);
  EXPECT_EQ(view.at<identity>().user, 7);
}

TEST_F(constant_access, an_empty_reference_converts_to_an_empty_one) {
  const user_ref none;
  EXPECT_FALSE(const_user(none));
  EXPECT_FALSE(const_user(user_ref{}));
}

TEST_F(constant_access, changes_tiers_as_any_reference_does) {
  const_user view = std::move(user);
  auto bare = view.share<identity>();
  auto again = bare.promote<mappings>();
  EXPECT_EQ(view.use_count(), 2U);
  again.drop();
  journal::clear();
  auto lazy = std::move(view).demote<page_directory>();
  EXPECT_EQ(journal::take(), torn_down(0, 1));
  EXPECT_FALSE(bare.promote<mappings>());
  lazy.drop();
  EXPECT_EQ(journal::take(), torn_down(1, 2));
  bare = nullptr;
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

TEST_F(constant_access, through_a_detached_pointer) {
  const_user view = std::move(user);
  auto back = const_user::adopt(std::move(view).detach());
  EXPECT_EQ(back.use_count(), 1U);
  journal::clear();
  trefoil::deferred_list later;
  back.drop_into(later);
  EXPECT_EQ(journal::take(), nothing);
  later.run();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

}  // namespace
