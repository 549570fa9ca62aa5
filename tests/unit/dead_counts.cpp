// SPDX-License-Identifier: Apache-2.0
// References to tiers that are gone, got behind the library's back: dropped once too often, or
// copied. Whatever counts, it is reported once, the tier inside stays, and nobody else notices.
#include "address_space.hpp"

#include <cstdint>
#include <utility>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;

template <class Counts>
using kept_object =
    trefoil::basic_staged<test_traits<Counts, trefoil::pooled>, mappings, page_directory, identity>;

/// Hands out a reference that nobody has counted.
template <class Object, class Tier>
ref<Object, Tier> forged(const ref<Object>& object) {
  return ref<Object, Tier>::adopt(object.address());
}

/// An object of which the innermost tier is left, kept by `bare`.
template <class Counts>
struct dead_counts : staged_test {
  ref<kept_object<Counts>> bare = make<kept_object<Counts>>().template share<identity>();
  dead_counts() { journal::clear(); }
};
TYPED_TEST_SUITE(dead_counts, kinds_of_counts);

TYPED_TEST(dead_counts, one_drop_too_many_is_an_underflow) {
  using object = kept_object<TypeParam>;
  forged<object, mappings>(this->bare).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::sub_underflow, 1}}));
  EXPECT_TRUE(this->bare.template saturated<mappings>());
  EXPECT_FALSE(this->bare.template saturated<page_directory>());
  EXPECT_FALSE(this->bare.saturated());
  EXPECT_EQ(this->bare.template use_count<page_directory>(), 0U);
  EXPECT_EQ(journal::take(), nothing) << "a tier dies once";
}

TYPED_TEST(dead_counts, more_drops_are_silent) {
  using object = kept_object<TypeParam>;
  for (int i = 0; i < 1000; ++i) forged<object, page_directory>(this->bare).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::sub_underflow, 1}}));
  EXPECT_EQ(this->bare.template use_count<mappings>(), 0U);
  EXPECT_FALSE(this->bare.template saturated<mappings>());
  EXPECT_FALSE(this->bare.saturated());
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(dead_counts, a_duplicate_of_a_dropped_pointer_is_an_underflow) {
  using object = kept_object<TypeParam>;
  auto user = make<object>();
  const auto keeper = user.template share<identity>();
  void* const cookie = std::move(user).detach();
  ref<object, mappings>::adopt(cookie).drop();
  EXPECT_EQ(this->reported.take(), misuses{});
  ref<object, mappings>::adopt(cookie).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::sub_underflow, 1}}));
  EXPECT_EQ(keeper->user, 0);
}

TYPED_TEST(dead_counts, a_copy_is_a_reference_on_zero) {
  using object = kept_object<TypeParam>;
  {
    auto dangling = forged<object, mappings>(this->bare);
    auto copy = dangling;
    EXPECT_EQ(this->reported.take(), (misuses{{misuse::add_on_zero, 1}}));
    auto another = copy;
  }
  EXPECT_EQ(this->reported.take(), misuses{}) << "three drops of a count that is pinned";
  EXPECT_TRUE(this->bare.template saturated<mappings>());
  EXPECT_FALSE(this->bare.template saturated<page_directory>());
  EXPECT_FALSE(this->bare.saturated());
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(dead_counts, a_share_of_a_dead_tier_is_a_reference_on_zero) {
  using object = kept_object<TypeParam>;
  auto dangling = forged<object, mappings>(this->bare);
  auto shared = dangling.template share<page_directory>();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::add_on_zero, 1}}));
  EXPECT_TRUE(this->bare.template saturated<page_directory>());
  shared.drop();
  EXPECT_EQ(this->reported.take(), misuses{});
  static_cast<void>(std::move(dangling).detach());
}

TYPED_TEST(dead_counts, promote_is_no_misuse) {
  EXPECT_FALSE(this->bare.template promote<mappings>());
  EXPECT_FALSE(this->bare.template promote<page_directory>());
  EXPECT_EQ(this->reported.take(), misuses{});
}

TYPED_TEST(dead_counts, one_tier_after_the_other_is_two_misuses) {
  using object = kept_object<TypeParam>;
  forged<object, mappings>(this->bare).drop();
  forged<object, page_directory>(this->bare).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::sub_underflow, 2}}));
  EXPECT_EQ(this->bare.use_count(), 1U);
}

TYPED_TEST(dead_counts, the_innermost_tier_still_dies_with_its_last_holder) {
  using object = kept_object<TypeParam>;
  forged<object, mappings>(this->bare).drop();
  static_cast<void>(this->reported.take());
  this->bare.drop();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

TYPED_TEST(dead_counts, a_demote_of_a_dead_tier_underflows_and_holds_the_lower_one) {
  using object = kept_object<TypeParam>;
  auto lower = forged<object, mappings>(this->bare).template demote<identity>();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::sub_underflow, 1}}));
  EXPECT_EQ(this->bare.use_count(), 2U);
  lower.drop();
  EXPECT_EQ(this->bare.use_count(), 1U);
}

}  // namespace
