// SPDX-License-Identifier: Apache-2.0
// What is known of a reference when the program is compiled.
#include "address_space.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace {

using trefoil::droppable_in;
using trefoil::ref;
namespace context = trefoil::context;

// ---- ref<T> is the weakest ------------------------------------------------------------------------

static_assert(std::same_as<ref<mm>, ref<mm, identity>>);
static_assert(std::same_as<ref<const mm>, ref<const mm, identity>>);
static_assert(std::same_as<trefoil::weakest_tier<mm>, identity>);
static_assert(std::same_as<trefoil::outermost_tier<mm>, mappings>);
static_assert(std::same_as<ref<mm>::tier_type, identity>);
static_assert(std::same_as<ref<const mm>::object_type, const mm>);

// ---- one pointer, moved without a thought ---------------------------------------------------------

static_assert(sizeof(ref<mm>) == sizeof(void*));
static_assert(std::is_nothrow_default_constructible_v<ref<mm>>);
static_assert(std::is_nothrow_copy_constructible_v<ref<mm>>);
static_assert(std::is_nothrow_move_constructible_v<ref<mm>>);
static_assert(std::is_nothrow_copy_assignable_v<ref<mm>>);
static_assert(std::is_nothrow_move_assignable_v<ref<mm>>);
static_assert(std::is_nothrow_swappable_v<ref<mm>>);
static_assert(std::regular<ref<mm>>);
static_assert(std::totally_ordered_with<ref<mm>, ref<mm>>);

struct light {
  static constexpr auto teardown = context::any;
};
struct heavy {
  static constexpr auto teardown = context::process;
};

// ---- nothing changes tiers without saying so ------------------------------------------------------

static_assert(!std::is_constructible_v<ref<mm, identity>, ref<mm, mappings>>);
static_assert(!std::is_constructible_v<ref<mm, mappings>, ref<mm, identity>>);
static_assert(!std::is_assignable_v<ref<mm, identity>&, ref<mm, mappings>>);
static_assert(std::is_constructible_v<bool, ref<mm>> && !std::is_convertible_v<ref<mm>, bool>,
              "a condition, but not a number");

template <class R, class Tier>
concept shares = requires(R r) { r.template share<Tier>(); };
template <class R, class Tier>
concept promotes = requires(R r) { r.template promote<Tier>(); };
template <class R, class Tier>
concept demotes = requires(R r) { std::move(r).template demote<Tier>(); };
template <class R, class Tier>
concept demotes_in_place = requires(R r) { r.template demote<Tier>(); };
template <class R, class Tier>
concept reaches = requires(R r) { r.template at<Tier>(); };

// Of each tier's reference: which tiers it shares with, demotes to, promotes to, reaches.
template <class From, class To>
inline constexpr bool is_inwards = place<From> < place<To>;

template <class From, class To>
consteval bool calls_follow_the_order() {
  using R = ref<mm, From>;
  return shares<R, To> == is_inwards<From, To> && demotes<R, To> == is_inwards<From, To> &&
         promotes<R, To> == is_inwards<To, From> && reaches<R, To> == !is_inwards<To, From> &&
         !demotes_in_place<R, To>;
}
static_assert(calls_follow_the_order<mappings, mappings>());
static_assert(calls_follow_the_order<mappings, page_directory>());
static_assert(calls_follow_the_order<mappings, identity>());
static_assert(calls_follow_the_order<page_directory, mappings>());
static_assert(calls_follow_the_order<page_directory, page_directory>());
static_assert(calls_follow_the_order<page_directory, identity>());
static_assert(calls_follow_the_order<identity, mappings>());
static_assert(calls_follow_the_order<identity, page_directory>());
static_assert(calls_follow_the_order<identity, identity>());

// A class that is no tier of the object cannot be named at all.
static_assert(!shares<ref<mm, mappings>, light>);
static_assert(!promotes<ref<mm>, light>);
static_assert(!demotes<ref<mm, mappings>, light>);
static_assert(!reaches<ref<mm, mappings>, light>);

// ---- droppable_in ---------------------------------------------------------------------------------

static_assert(droppable_in<ref<mm, identity>, context::any>);
static_assert(droppable_in<ref<mm, identity>, context::process>);
static_assert(!droppable_in<ref<mm, page_directory>, context::any>);
static_assert(droppable_in<ref<mm, page_directory>, context::atomic>);
static_assert(!droppable_in<ref<mm, mappings>, context::any>);
static_assert(!droppable_in<ref<mm, mappings>, context::atomic>);
static_assert(droppable_in<ref<mm, mappings>, context::process>);
static_assert(droppable_in<ref<const mm, identity>, context::any>);
static_assert(!droppable_in<ref<const mm, mappings>, context::any>);
static_assert(!droppable_in<int, context::process>);

// The needs of the tiers inside count as well: they go in the same cascade.
using heavy_inside = trefoil::staged<light, heavy>;
using heavy_outside = trefoil::staged<heavy, light>;
static_assert(!droppable_in<ref<heavy_inside, light>, context::atomic>);
static_assert(droppable_in<ref<heavy_outside, light>, context::any>);
static_assert(!droppable_in<ref<heavy_outside, heavy>, context::atomic>);

static_assert(mm::may_defer);
static_assert(!trefoil::staged<light>::may_defer);
static_assert(heavy_inside::may_defer);
static_assert(mm::tier_count == 3);

// ---- and the same, seen by a program that runs ----------------------------------------------------

struct constants_of_a_ref : staged_test {};

TEST_F(constants_of_a_ref, droppable_in_says_where_a_drop_does_not_defer) {
  auto user = trefoil::make<mm>();
  auto bare = user.share<identity>();
  {
    const context::scope here{context::any};
    bare.drop();
    user.drop();
  }
  EXPECT_EQ(hand_polled::counters().pending,
            1U);  // user's: ref<mm, mappings> is not droppable here
  EXPECT_EQ(hand_polled::poll(), 1U);

  bare = trefoil::make<mm>().share<identity>();
  journal::clear();
  {
    const context::scope here{context::any};
    bare.drop();  // ref<mm, identity> is
    EXPECT_EQ(journal::take(), torn_down(2, 3));
  }
  EXPECT_EQ(hand_polled::counters().pending, 0U);
}

}  // namespace
