// SPDX-License-Identifier: Apache-2.0
// At the edges of a count: it saturates, says so once, and keeps the object for ever. The
// neighbours in the same word do not notice.
#include "address_space.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;

// Pooled, not counted: these objects are kept for ever, and the pool's slabs stay reachable.
template <class Counts>
using kept_object =
    trefoil::basic_staged<test_traits<Counts, trefoil::pooled>, mappings, page_directory, identity>;
using narrow = trefoil::packed_counts<8, 8, 8>;
using object = kept_object<narrow>;

constexpr unsigned most = 63;  // 2^(8-2) - 1
template <std::size_t K>
constexpr std::uint64_t usable =
    narrow::type<trefoil::threads, 3, false>::usable<K>;  // what the library says
static_assert(usable<0> == most && usable<1> == most && usable<2> == most);
static_assert(trefoil::packed_counts<>::type<trefoil::threads, 3, false>::usable<0> == 524'287);
static_assert(trefoil::packed_counts<>::type<trefoil::threads, 3, false>::usable<2> == 1'048'575);
static_assert(trefoil::wide_counts::type<trefoil::threads, 3, false>::usable<1> == 1'073'741'823);

/// One tier's count is brought to its edge; the other two are watched.
template <class Tier>
class saturation : public staged_test {
 protected:
  /// A reference to Tier, with one to each tier besides, so that nothing dies.
  ref<object, mappings> user = make<object>();
  ref<object, page_directory> lazy = user.template share<page_directory>();
  ref<object, identity> bare = user.template share<identity>();
  std::vector<ref<object, Tier>> held;

  saturation() {
    held.reserve(8 * most);
    held.push_back(one_more());
    journal::clear();
  }

  ref<object, Tier> one_more() {
    if constexpr (std::is_same_v<Tier, mappings>) {
      return user;
    } else {
      return user.template share<Tier>();
    }
  }

  void fill() {
    while (held.front().use_count() < most) held.push_back(held.front());
    ASSERT_EQ(reported.take(), misuses{});
    ASSERT_FALSE(held.front().saturated());
  }

  struct counts {
    std::uint64_t user, lazy, bare;
    bool operator==(const counts&) const = default;
  };
  /// The counts of the tiers that are not under test.
  [[nodiscard]] counts others() const {
    counts all{bare.use_count<mappings>(), bare.use_count<page_directory>(),
               bare.use_count<identity>()};
    (place<Tier> == 0 ? all.user : place<Tier> == 1 ? all.lazy : all.bare) = 0;
    return all;
  }
};
using every_tier = ::testing::Types<mappings, page_directory, identity>;
TYPED_TEST_SUITE(saturation, every_tier);

TYPED_TEST(saturation, begins_beyond_the_usable_range_not_before) {
  this->fill();
  const auto others = this->others();
  this->held.push_back(this->held.front());
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::add_overflow, 1}}));
  EXPECT_TRUE(this->held.front().saturated());
  EXPECT_TRUE(this->held.back());  // the copy is as good as any
  EXPECT_EQ(this->others(), others);
}

TYPED_TEST(saturation, at_the_edge_one_may_leave_and_come_back) {
  this->fill();
  for (int i = 0; i < 3; ++i) {
    this->held.pop_back();
    this->held.push_back(this->held.front());
  }
  EXPECT_EQ(this->reported.take(), misuses{});
  EXPECT_FALSE(this->held.front().saturated());
}

TYPED_TEST(saturation, is_reported_once_however_many_copies_follow) {
  this->fill();
  const auto others = this->others();
  std::vector<ref<object, TypeParam>> more(1000, this->held.front());
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::add_overflow, 1}}));
  EXPECT_TRUE(this->held.front().saturated());
  EXPECT_EQ(this->others(), others);
  more.clear();
  EXPECT_EQ(this->reported.take(), misuses{}) << "drops of a saturated count";
  EXPECT_EQ(this->others(), others);
}

TYPED_TEST(saturation, is_for_ever) {
  this->fill();
  this->held.push_back(this->held.front());
  static_cast<void>(this->reported.take());

  const auto others = this->others();
  this->held.erase(this->held.begin() + 1, this->held.end());  // most drops, all silent
  EXPECT_EQ(this->reported.take(), misuses{});
  EXPECT_TRUE(this->held.front().saturated());
  EXPECT_EQ(this->others(), others);
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(saturation, keeps_its_tier_and_those_inside_when_all_holders_are_gone) {
  this->fill();
  this->held.push_back(this->held.front());
  static_cast<void>(this->reported.take());
  const ref<object, TypeParam>* const watch = &this->held.front();
  this->user.drop();
  this->lazy.drop();
  this->bare.drop();
  EXPECT_EQ(journal::take(), torn_down(0, place<TypeParam>));  // those outside go as ever
  EXPECT_EQ(watch->template at<identity>().user, 0);
  EXPECT_TRUE(watch->saturated());
  this->held.clear();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(this->reported.take(), misuses{});
}

TYPED_TEST(saturation, of_one_tier_is_not_that_of_the_others) {
  this->fill();
  this->held.push_back(this->held.front());
  EXPECT_EQ(this->bare.template saturated<mappings>(), place<TypeParam> == 0);
  EXPECT_EQ(this->bare.template saturated<page_directory>(), place<TypeParam> == 1);
  EXPECT_EQ(this->bare.template saturated<identity>(), place<TypeParam> == 2);
  static_cast<void>(this->reported.take());
}

// ---- by other calls than a copy -------------------------------------------------------------------

using saturation_of_mappings = saturation<mappings>;
using saturation_of_identity = saturation<identity>;

TEST_F(saturation_of_mappings, by_promote_succeeds_and_is_another_kind_of_misuse) {
  fill();
  const auto counted = others();
  auto promoted = bare.promote<mappings>();
  EXPECT_TRUE(promoted);
  EXPECT_EQ(reported.take(), (misuses{{misuse::add_not_zero_overflow, 1}}));
  EXPECT_TRUE(bare.saturated<mappings>());
  EXPECT_EQ(others(), counted);
  EXPECT_TRUE(bare.promote<mappings>()) << "alive for ever";
  EXPECT_EQ(reported.take(), misuses{});
}

TEST_F(saturation_of_identity, by_share_is_an_overflow) {
  fill();
  held.push_back(user.share<identity>());
  EXPECT_EQ(reported.take(), (misuses{{misuse::add_overflow, 1}}));
  held.push_back(lazy.share<identity>());
  EXPECT_EQ(reported.take(), misuses{});
}

TEST_F(saturation_of_identity, by_demote_is_an_overflow_of_the_lower_tier_alone) {
  fill();
  auto second = user;
  held.push_back(std::move(second).demote<identity>());
  EXPECT_EQ(reported.take(), (misuses{{misuse::add_overflow, 1}}));
  EXPECT_TRUE(bare.saturated());
  EXPECT_FALSE(bare.saturated<mappings>());
  EXPECT_EQ(bare.use_count<mappings>(), 1U);
}

TEST_F(saturation_of_identity, by_minting_is_that_of_a_promote) {
  fill();
  held.push_back(trefoil::ref_from_tier<object>(*bare));
  EXPECT_EQ(reported.take(), (misuses{{misuse::add_not_zero_overflow, 1}}));
}

TEST_F(saturation_of_mappings, names_the_count_in_the_report) {
  fill();
  held.push_back(user);
  const auto* const object_begins = reinterpret_cast<const std::byte*>(user.address());
  const auto* const subject = static_cast<const std::byte*>(reported.last_subject());
  EXPECT_GE(subject, object_begins);
  EXPECT_LT(subject, object_begins + sizeof(object));
  static_cast<void>(reported.take());
}

}  // namespace
