// SPDX-License-Identifier: Apache-2.0
// A constructor throws, or an init says no: what was built is torn down in order, nothing is lost.
#include "staged_test.hpp"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using trefoil::make;
using trefoil::make_failed;
using trefoil::make_failure;
using trefoil::try_make;

/// What goes wrong in the tiers below, and in which one (0 is the outermost).
enum class trouble { none, constructor, init };
struct plan {
  trouble what = trouble::none;
  int where = -1;
};
plan the_plan;  // NOLINT: tiers have no other way to know

struct broken : std::runtime_error {
  broken() : std::runtime_error("a tier's constructor threw") {}
};

/// Fails as planned. A member of each tier, so that a constructor that throws has begun already.
template <int K>
class fallible {
 public:
  fallible() {
    if (the_plan.what == trouble::constructor && the_plan.where == K) throw broken();
    journal::write("+" + std::to_string(K));
  }
  fallible(const fallible&) = delete;
  fallible& operator=(const fallible&) = delete;
  ~fallible() { journal::write("-" + std::to_string(K)); }
  [[nodiscard]] static bool agrees() {
    return the_plan.what != trouble::init || the_plan.where != K;
  }
};

template <int K, trefoil::placement Where>
struct stage {
  static constexpr auto teardown = trefoil::context::process;
  static constexpr auto placement = Where;
  static bool init(stage& self) noexcept { return self.member.agrees(); }
  fallible<K> member;
};

template <class Counts, trefoil::placement Where>
struct object_of {
  using type =
      trefoil::basic_staged<test_traits<Counts>, stage<0, Where>, stage<1, Where>, stage<2, Where>>;
};
constexpr auto inside = trefoil::placement::inside;
constexpr auto outside = trefoil::placement::outside;

template <class>
struct make_fails : staged_test {
  make_fails() { the_plan = {}; }
};
using objects = ::testing::Types<
    object_of<trefoil::packed_counts<>, inside>, object_of<trefoil::packed_counts<>, outside>,
    object_of<trefoil::packed_counts<8, 8, 8>, inside>, object_of<trefoil::wide_counts, inside>,
    object_of<trefoil::wide_counts, outside>, object_of<trefoil::padded_counts, inside>>;
TYPED_TEST_SUITE(make_fails, objects);

/// Built from 2 outwards up to and including tier `last`, then torn down from there.
journal::entries built_and_undone(int last) {
  journal::entries expected;
  for (int k = 2; k >= last; --k) expected.push_back("+" + std::to_string(k));
  for (int k = last; k <= 2; ++k) expected.push_back("-" + std::to_string(k));
  return expected;
}

TYPED_TEST(make_fails, with_the_exception_of_the_constructor) {
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::constructor, k};
    EXPECT_THROW(static_cast<void>(make<typename TypeParam::type>()), broken);
    EXPECT_EQ(journal::take(), built_and_undone(k + 1)) << k;
    EXPECT_EQ(counted_storage::blocks(), 0U) << k;
  }
}

TYPED_TEST(make_fails, empty_handed_if_a_constructor_throws_in_try_make) {
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::constructor, k};
    EXPECT_FALSE(try_make<typename TypeParam::type>()) << k;
    EXPECT_EQ(journal::take(), built_and_undone(k + 1)) << k;
    EXPECT_EQ(counted_storage::blocks(), 0U) << k;
  }
}

TYPED_TEST(make_fails, with_refused_if_an_init_says_no) {
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::init, k};
    try {
      static_cast<void>(make<typename TypeParam::type>());
      ADD_FAILURE() << "tier " << k << " refused, and make() did not say so";
    } catch (const make_failed& failed) { EXPECT_EQ(failed.why(), make_failure::refused); }
    EXPECT_EQ(journal::take(), built_and_undone(k)) << k;  // the one that refused was constructed
    EXPECT_EQ(counted_storage::blocks(), 0U) << k;
  }
}

TYPED_TEST(make_fails, empty_handed_if_an_init_says_no_in_try_make) {
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::init, k};
    EXPECT_FALSE(try_make<typename TypeParam::type>()) << k;
    EXPECT_EQ(journal::take(), built_and_undone(k)) << k;
    EXPECT_EQ(counted_storage::blocks(), 0U) << k;
  }
}

TYPED_TEST(make_fails, and_succeeds_the_next_time) {
  the_plan = {trouble::init, 0};
  EXPECT_FALSE(try_make<typename TypeParam::type>());
  the_plan = {};
  journal::clear();
  auto made = try_make<typename TypeParam::type>();
  ASSERT_TRUE(made);
  EXPECT_EQ(made.use_count(), 1U);
  made.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"+2", "+1", "+0", "-0", "-1", "-2"}));
}

TYPED_TEST(make_fails, within_a_level_too_low_for_the_teardowns_of_what_was_built) {
  // Tiers 1 and 2 are alive when tier 0 fails; their teardowns need level process.
  the_plan = {trouble::constructor, 0};
  {
    const trefoil::context::scope here{trefoil::context::atomic};
    EXPECT_FALSE(try_make<typename TypeParam::type>());
    EXPECT_EQ(journal::take(), (journal::entries{"+2", "+1"}));
  }
  EXPECT_EQ(hand_polled::counters().pending, 1U);
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"-1", "-2"}));
  EXPECT_EQ(counted_storage::blocks(), 0U);
}

TYPED_TEST(make_fails, within_a_level_too_low_for_the_teardown_of_what_refused) {
  // The destructor of a tier that said no is a teardown like any other.
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::init, k};
    {
      const trefoil::context::scope here{trefoil::context::atomic};
      EXPECT_FALSE(try_make<typename TypeParam::type>());
    }
    const auto at_atomic = journal::take();
    EXPECT_EQ(at_atomic.back(), "+" + std::to_string(k)) << "torn down at level atomic";
    hand_polled::poll();
    journal::entries undone = built_and_undone(k);
    undone.erase(undone.begin(), undone.begin() + (3 - k));
    EXPECT_EQ(journal::take(), undone) << k;
    EXPECT_EQ(counted_storage::blocks(), 0U) << k;
  }
}

// ---- a reference to what refused ------------------------------------------------------------------

template <class Counts, int K>
struct hesitant;
template <class Counts>
using hesitant_object = trefoil::basic_staged<test_traits<Counts>, hesitant<Counts, 0>,
                                              hesitant<Counts, 1>, hesitant<Counts, 2>>;

/// Refuses as planned; its destructor tries to get a reference to what it tears down.
template <class Counts, int K>
struct hesitant {
  static constexpr auto teardown = trefoil::context::process;
  static bool init(hesitant&) noexcept { return the_plan.where != K; }
  hesitant() = default;
  hesitant(const hesitant&) = delete;
  hesitant& operator=(const hesitant&) = delete;
  ~hesitant() {
    const bool held = static_cast<bool>(trefoil::ref_from_tier<hesitant_object<Counts>>(*this));
    journal::write((held ? "held " : "gone ") + std::to_string(K));
  }
};

template <class>
struct a_tier_that_refused : staged_test {};
TYPED_TEST_SUITE(a_tier_that_refused, kinds_of_counts);

TYPED_TEST(a_tier_that_refused, is_not_to_be_had_any_more) {
  for (int k = 0; k < 3; ++k) {
    the_plan = {trouble::init, k};
    EXPECT_FALSE(try_make<hesitant_object<TypeParam>>()) << k;
    journal::entries expected;
    for (int tier = k; tier < 3; ++tier) expected.push_back("gone " + std::to_string(tier));
    EXPECT_EQ(journal::take(), expected) << k;
  }
  the_plan = {};
}

// ---- what is thrown -------------------------------------------------------------------------------

TEST(make_failed_exception, is_a_bad_alloc_that_says_why) {
  for (const auto why : {make_failure::memory, make_failure::backlog, make_failure::refused}) {
    try {
      throw make_failed(why);
    } catch (const std::bad_alloc& caught) {
      const auto* const failed = dynamic_cast<const make_failed*>(&caught);
      ASSERT_NE(failed, nullptr);
      EXPECT_EQ(failed->why(), why);
      EXPECT_EQ(std::string(caught.what()).rfind("trefoil: ", 0), 0U) << caught.what();
    }
  }
  EXPECT_STRNE(make_failed(make_failure::memory).what(), make_failed(make_failure::backlog).what());
  EXPECT_STRNE(make_failed(make_failure::memory).what(), make_failed(make_failure::refused).what());
}

}  // namespace
