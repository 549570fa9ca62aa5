// SPDX-License-Identifier: Apache-2.0
// Objects found without a reference: by an address that may be stale, checked by a key.
#include "staged_test.hpp"

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::try_acquire;
namespace context = trefoil::context;

template <class Counts>
struct session_traits : test_traits<Counts, trefoil::pooled> {
  static constexpr bool findable = true;
  using key = std::uint64_t;
};

/// What the tiers do at both ends of their lives: each test says.
struct behaviour {
  static inline std::function<void()> in_account_constructor;
  static inline std::function<void()> in_connection_constructor;
  static inline std::function<void()> in_connection_teardown;
  static inline std::function<void()> in_account_teardown;
  static void reset() {
    in_account_constructor = nullptr;
    in_connection_constructor = nullptr;
    in_connection_teardown = nullptr;
    in_account_teardown = nullptr;
  }
};
void follow(const std::function<void()>& what) {
  if (what) what();
}

struct account final {
  static constexpr auto teardown = context::any;
  explicit account(int n = 0) : number(n) { follow(behaviour::in_account_constructor); }
  account(const account&) = delete;
  account& operator=(const account&) = delete;
  ~account() { follow(behaviour::in_account_teardown); }
  int number;
};
struct connection final {
  static constexpr auto teardown = context::any;
  connection() { follow(behaviour::in_connection_constructor); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() { follow(behaviour::in_connection_teardown); }
};
template <class Counts>
using session_of = trefoil::basic_staged<session_traits<Counts>, connection, account>;

static_assert(trefoil::findable<session_of<trefoil::packed_counts<>>>);
static_assert(!trefoil::findable<trefoil::staged<account>>);
static_assert(!trefoil::findable<int>);

template <class Counts>
struct finding : staged_test {
  finding() { behaviour::reset(); }
  ~finding() override { behaviour::reset(); }

  ref<session_of<Counts>, connection> made = make<session_of<Counts>>(std::uint64_t{1}, 11);
  session_of<Counts>* const address = made.address();

  /// An object at the very address of the one that was there: slots are used again.
  void reuse_the_slot(std::uint64_t key) {
    made.drop();
    made = make<session_of<Counts>>(key, 22);
    ASSERT_EQ(made.address(), address) << "the pool gave another slot: the test shows nothing";
  }
};
using kinds = ::testing::Types<trefoil::packed_counts<>, trefoil::packed_counts<8, 8>,
                               trefoil::wide_counts, trefoil::padded_counts>;
TYPED_TEST_SUITE(finding, kinds);

TYPED_TEST(finding, by_address_gives_a_reference_to_any_tier) {
  auto outer = try_acquire<connection>(this->address);
  EXPECT_TRUE(outer == this->made);
  EXPECT_EQ(this->made.use_count(), 2U);
  auto inner = try_acquire<account>(this->address);
  EXPECT_EQ(inner->number, 11);
  EXPECT_EQ(inner.use_count(), 2U);
}

TYPED_TEST(finding, by_address_and_key_gives_one_if_the_key_is_right) {
  EXPECT_TRUE(try_acquire<connection>(this->address, 1));
  EXPECT_TRUE(try_acquire<account>(this->address, 1));
  EXPECT_FALSE(try_acquire<connection>(this->address, 2));
  EXPECT_FALSE(try_acquire<account>(this->address, 2));
  EXPECT_EQ(this->made.use_count(), 1U)
      << "what was acquired for the look at the key is given back";
  EXPECT_EQ(this->made.template use_count<account>(), 1U);
}

TYPED_TEST(finding, by_null_gives_nothing) {
  session_of<TypeParam>* const none = nullptr;
  EXPECT_FALSE(try_acquire<connection>(none));
  EXPECT_FALSE(try_acquire<account>(none, 1));
}

TYPED_TEST(finding, a_dead_object_gives_nothing) {
  this->made.drop();
  EXPECT_FALSE(try_acquire<connection>(this->address));
  EXPECT_FALSE(try_acquire<account>(this->address));
  EXPECT_FALSE(try_acquire<account>(this->address, 1));
}

TYPED_TEST(finding, an_object_that_died_by_a_shared_reference_gives_nothing) {
  auto other = this->made;
  auto inner = this->made.template share<account>();
  this->made.drop();
  other.drop();
  inner.drop();
  EXPECT_FALSE(try_acquire<connection>(this->address));
  EXPECT_FALSE(try_acquire<account>(this->address));
}

TYPED_TEST(finding, a_half_dead_object_gives_the_tiers_that_are_left) {
  const auto inner = std::move(this->made).template demote<account>();
  EXPECT_FALSE(try_acquire<connection>(this->address));
  EXPECT_TRUE(try_acquire<account>(this->address, 1) == inner);
}

TYPED_TEST(finding, a_slot_used_again_does_not_pass_for_its_predecessor) {
  this->reuse_the_slot(2);
  EXPECT_FALSE(try_acquire<connection>(this->address, 1));
  EXPECT_FALSE(try_acquire<account>(this->address, 1));
  EXPECT_TRUE(try_acquire<connection>(this->address, 2));
  EXPECT_EQ(try_acquire<account>(this->address, 2)->number, 22);
  EXPECT_EQ(this->made.use_count(), 1U);
}

TYPED_TEST(finding, without_a_key_gives_whoever_lives_there_now) {
  this->reuse_the_slot(2);
  EXPECT_EQ(try_acquire<account>(this->address)->number, 22);
}

TYPED_TEST(finding, for_constant_access_gives_constant_access) {
  const ref<const session_of<TypeParam>, connection> view = this->made;
  auto found = try_acquire<account>(view.address());
  static_assert(std::is_same_v<decltype(found), ref<const session_of<TypeParam>, account>>);
  EXPECT_EQ(found->number, 11);
  EXPECT_TRUE(try_acquire<connection>(view.address(), 1));
  EXPECT_FALSE(try_acquire<connection>(view.address(), 2));
}

TYPED_TEST(finding, at_level_any_works) {
  const context::scope handler{context::any};
  EXPECT_TRUE(try_acquire<connection>(this->address, 1));
}

// ---- closed while built and torn down -------------------------------------------------------------

TYPED_TEST(finding, gives_no_tier_that_is_in_teardown) {
  bool outer_closed = false;
  bool both_closed = false;
  behaviour::in_connection_teardown = [&] {
    outer_closed = !try_acquire<connection>(this->address);
  };
  behaviour::in_account_teardown = [&] {
    both_closed = !try_acquire<connection>(this->address) && !try_acquire<account>(this->address);
  };
  this->made.drop();  // the unique owner
  EXPECT_TRUE(outer_closed);
  EXPECT_TRUE(both_closed);

  outer_closed = both_closed = false;
  this->made = make<session_of<TypeParam>>(std::uint64_t{1}, 11);
  ASSERT_EQ(this->made.address(), this->address);
  auto inner = this->made.template share<account>();
  this->made.drop();
  EXPECT_TRUE(outer_closed);
  inner.drop();
  EXPECT_TRUE(both_closed);
}

TYPED_TEST(finding, gives_no_tier_that_is_under_construction) {
  bool none_in_account = false;
  bool no_outer_in_connection = false;
  bool by_key = false;
  behaviour::in_account_constructor = [&] {
    none_in_account =
        !try_acquire<connection>(this->address) && !try_acquire<account>(this->address);
  };
  behaviour::in_connection_constructor = [&] {
    no_outer_in_connection = !try_acquire<connection>(this->address);
    by_key = bool(try_acquire<connection>(this->address, 2));
  };
  this->reuse_the_slot(2);
  EXPECT_TRUE(none_in_account);
  EXPECT_TRUE(no_outer_in_connection);
  EXPECT_FALSE(by_key);
  EXPECT_TRUE(try_acquire<connection>(this->address, 2)) << "open when all are constructed";
}

TYPED_TEST(finding, gives_nothing_after_a_construction_that_failed) {
  this->made.drop();
  behaviour::in_connection_constructor = [] { throw std::runtime_error("no connection"); };
  EXPECT_FALSE(trefoil::try_make<session_of<TypeParam>>(std::uint64_t{3}, 33));
  behaviour::reset();
  EXPECT_FALSE(try_acquire<connection>(this->address));
  EXPECT_FALSE(try_acquire<account>(this->address));
  this->made = make<session_of<TypeParam>>(std::uint64_t{4}, 44);
  EXPECT_EQ(try_acquire<account>(this->made.address(), 4)->number, 44);
}

TYPED_TEST(finding, the_unique_owner_of_one_word_closes_the_inner_tiers_too) {
  if constexpr (session_traits<TypeParam>::counts::template type<trefoil::threads, 2,
                                                                 true>::one_word) {
    bool inner_closed = false;
    behaviour::in_connection_teardown = [&] {
      inner_closed = !try_acquire<account>(this->address);
    };
    this->made.drop();
    EXPECT_TRUE(inner_closed);
  }
}

// ---- without a key --------------------------------------------------------------------------------

struct keyless_traits : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
};
struct finding_without_a_key : staged_test {};

TEST_F(finding_without_a_key, takes_no_key_as_first_argument) {
  using object = trefoil::basic_staged<keyless_traits, connection, account>;
  behaviour::reset();
  auto made = make<object>(5);
  EXPECT_EQ(try_acquire<account>(made.address())->number, 5);
  const auto* const stale = made.address();
  made.drop();
  EXPECT_FALSE(try_acquire<account>(const_cast<object*>(stale)));
}

}  // namespace
