// SPDX-License-Identifier: Apache-2.0
// slot<ref>: one reference in one place, for several threads. Two implementations, one behaviour.
#include "address_space.hpp"

#include <type_traits>
#include <utility>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;
using trefoil::slot;
namespace context = trefoil::context;

/// An address space that is found without a reference: its slots need no lock.
template <class Counts>
struct findable_traits : test_traits<Counts, trefoil::pooled> {
  static constexpr bool findable = true;
};
template <class Counts>
using findable_space =
    trefoil::basic_staged<findable_traits<Counts>, mappings, page_directory, identity>;

template <class Object>
struct slots : staged_test {
  slot<ref<Object, mappings>> active;
};
using objects =
    ::testing::Types<address_space<trefoil::packed_counts<>>, address_space<trefoil::wide_counts>,
                     findable_space<trefoil::packed_counts<>>, findable_space<trefoil::wide_counts>,
                     findable_space<trefoil::padded_counts>>;
TYPED_TEST_SUITE(slots, objects);

TYPED_TEST(slots, begin_empty) {
  EXPECT_TRUE(this->active.empty());
  EXPECT_FALSE(this->active.load());
  EXPECT_FALSE(this->active.template load<identity>());
  EXPECT_FALSE(this->active.exchange({}));
}

TYPED_TEST(slots, keep_what_is_stored) {
  auto user = make<TypeParam>();
  journal::clear();
  this->active.store(user);
  EXPECT_FALSE(this->active.empty());
  EXPECT_EQ(user.use_count(), 2U);
  user.drop();
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(this->active.load()->areas, 0);
  this->active.clear();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
  EXPECT_TRUE(this->active.empty());
}

TYPED_TEST(slots, load_gives_one_more_reference) {
  this->active.store(make<TypeParam>());
  auto first = this->active.load();
  auto second = this->active.load();
  EXPECT_TRUE(first == second);
  EXPECT_EQ(first.use_count(), 3U);
}

TYPED_TEST(slots, load_of_an_inner_tier_takes_that_alone) {
  this->active.store(make<TypeParam>());
  auto bare = this->active.template load<identity>();
  static_assert(std::is_same_v<decltype(bare), ref<TypeParam, identity>>);
  EXPECT_EQ(bare.use_count(), 2U);
  EXPECT_EQ(bare.template use_count<mappings>(), 1U);
  journal::clear();
  this->active.clear();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
}

TYPED_TEST(slots, exchange_returns_what_was_there) {
  auto first = make<TypeParam>();
  const auto* const at = first.address();
  EXPECT_FALSE(this->active.exchange(std::move(first)));
  auto second = make<TypeParam>();
  const auto old = this->active.exchange(second);
  EXPECT_EQ(old.address(), at);
  EXPECT_EQ(old.use_count(), 1U);
  EXPECT_TRUE(this->active.load() == second);
}

TYPED_TEST(slots, store_drops_what_was_there) {
  this->active.store(make<TypeParam>());
  auto next = make<TypeParam>();
  journal::clear();
  this->active.store(std::move(next));
  EXPECT_EQ(journal::take(), torn_down(0, 3));
  this->active.store(this->active.load());  // itself
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(this->active.load().use_count(), 2U);
}

TYPED_TEST(slots, drop_what_they_hold_when_they_go) {
  {
    slot<ref<TypeParam, mappings>> local(make<TypeParam>());
    EXPECT_FALSE(local.empty());
    journal::clear();
  }
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TYPED_TEST(slots, of_an_inner_tier_keep_that_alone) {
  auto user = make<TypeParam>();
  slot<ref<TypeParam>> bare(user.template share<identity>());
  journal::clear();
  user.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
  EXPECT_FALSE(bare.load().template promote<mappings>());
  bare.clear();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

TYPED_TEST(slots, of_constant_access_give_constant_access) {
  slot<ref<const TypeParam, mappings>> view(make<TypeParam>());
  static_assert(std::is_same_v<decltype(view.load()), ref<const TypeParam, mappings>>);
  EXPECT_EQ(view.load()->areas, 0);
  EXPECT_EQ(view.template load<identity>()->user, 0);
  view.clear();
}

TYPED_TEST(slots, defer_a_teardown_as_any_drop_does) {
  this->active.store(make<TypeParam>());
  journal::clear();
  {
    const context::scope here{context::atomic};
    this->active.clear();
  }
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

// ---- a teardown that looks into the slot it was in -------------------------------------------------

struct looker;
using looking = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, looker>;
struct looker final {
  static constexpr auto teardown = context::any;
  explicit looker(slot<ref<looking>>& i) : in(&i) {}
  looker(const looker&) = delete;
  looker& operator=(const looker&) = delete;
  ~looker() { journal::write(in->load() ? "another is in" : "the slot is empty"); }
  slot<ref<looking>>* in;
};

struct teardown_of_the_old : staged_test {};

TEST_F(teardown_of_the_old, runs_with_the_slot_unlocked) {
  slot<ref<looking>> held;
  held.store(make<looking>(held));
  held.store(make<looking>(held));
  EXPECT_EQ(journal::take(), journal::entries{"another is in"});
  held.clear();
  EXPECT_EQ(journal::take(), journal::entries{"the slot is empty"});
}

// ---- level any ------------------------------------------------------------------------------------

struct slots_at_any : staged_test {};

TEST_F(slots_at_any, with_a_lock_are_refused) {
  slot<ref<mm, mappings>> active(make<mm>());
  auto next = make<mm>();
  const auto* const at = next.address();
  journal::clear();
  {
    const context::scope handler{context::any};
    EXPECT_FALSE(active.load());
    EXPECT_EQ(reported.take(), (misuses{{misuse::slot_at_any, 1}}));
    EXPECT_FALSE(active.load<identity>());
    EXPECT_EQ(reported.take(), (misuses{{misuse::slot_at_any, 1}}));
    auto back = active.exchange(std::move(next));
    EXPECT_EQ(reported.take(), (misuses{{misuse::slot_at_any, 1}}));
    EXPECT_EQ(back.address(), at) << "the argument comes back";
    active.store(back);
    EXPECT_EQ(reported.take(), (misuses{{misuse::slot_at_any, 1}}));
    next = std::move(back);
    EXPECT_FALSE(active.empty()) << "the question is allowed everywhere";
  }
  EXPECT_EQ(reported.take(), misuses{});
  EXPECT_FALSE(active.load() == next) << "what was refused changed nothing";
  EXPECT_EQ(next.use_count(), 1U);
}

TEST_F(slots_at_any, with_a_lock_work_at_atomic) {
  slot<ref<mm, mappings>> active(make<mm>());
  const context::scope here{context::atomic};
  EXPECT_TRUE(active.load());
}

TEST_F(slots_at_any, of_findable_objects_work) {
  using space = findable_space<trefoil::packed_counts<>>;
  slot<ref<space, mappings>> active(make<space>());
  auto next = make<space>();
  const auto* const at = active.load().address();
  const context::scope handler{context::any};
  EXPECT_TRUE(active.load());
  EXPECT_TRUE(active.load<identity>());
  auto old = active.exchange(next);
  EXPECT_EQ(old.address(), at);
  next = std::move(old);
}

}  // namespace
