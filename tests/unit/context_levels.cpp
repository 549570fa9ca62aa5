// SPDX-License-Identifier: Apache-2.0
// Levels, scopes and tokens: which teardowns run inline, and which wait for the reclaimer.
#include "address_space.hpp"

#include <thread>
#include <utility>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;
namespace context = trefoil::context;

struct scopes : staged_test {};

TEST_F(scopes, nest_and_restore) {
  EXPECT_EQ(context::current(), context::process);
  {
    const context::scope outer{context::atomic};
    EXPECT_EQ(context::current(), context::atomic);
    {
      const context::scope inner{context::any};
      EXPECT_EQ(context::current(), context::any);
      {
        const context::scope same{context::any};
        EXPECT_EQ(context::current(), context::any);
      }
      EXPECT_EQ(context::current(), context::any);
    }
    EXPECT_EQ(context::current(), context::atomic);
  }
  EXPECT_EQ(context::current(), context::process);
}

TEST_F(scopes, cannot_raise_the_level) {
  const context::scope outer{context::any};
  {
    const context::scope claims{context::process};
    EXPECT_EQ(context::current(), context::any);
    EXPECT_EQ(reported.take(), (misuses{{misuse::level_exceeded, 1}}));
    const context::scope claims_less{context::atomic};
    EXPECT_EQ(context::current(), context::any);
    EXPECT_EQ(reported.take(), (misuses{{misuse::level_exceeded, 1}}));
  }
  EXPECT_EQ(context::current(), context::any);
}

TEST_F(scopes, concern_their_own_thread) {
  const context::scope here{context::any};
  context::level elsewhere = context::any;
  std::thread([&] { elsewhere = context::current(); }).join();
  EXPECT_EQ(elsewhere, context::process);
  EXPECT_EQ(context::current(), context::any);
}

TEST_F(scopes, levels_allow_themselves_and_less) {
  EXPECT_TRUE(context::allows(context::process, context::process));
  EXPECT_TRUE(context::allows(context::process, context::any));
  EXPECT_TRUE(context::allows(context::atomic, context::any));
  EXPECT_FALSE(context::allows(context::any, context::atomic));
  EXPECT_FALSE(context::allows(context::atomic, context::process));
}

// ---- what a drop does where -----------------------------------------------------------------------

/// An object with one owner.
struct drops : staged_test {
  ref<mm, mappings> user = make<mm>();
  drops() { journal::clear(); }

  static void expect_deferred_from(std::size_t tier) {
    EXPECT_EQ(hand_polled::counters().pending, 1U);
    EXPECT_EQ(hand_polled::poll(), 1U);
    EXPECT_EQ(journal::take(), torn_down(tier, 3));
  }
};

TEST_F(drops, at_process_run_all_inline) {
  user.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TEST_F(drops, below_the_level_of_the_tier_defer) {
  {
    const context::scope here{context::atomic};
    user.drop();
  }
  EXPECT_EQ(journal::take(), nothing);
  expect_deferred_from(0);
}

TEST_F(drops, at_the_level_of_the_tier_run_inline) {
  auto lazy = std::move(user).demote<page_directory>();
  journal::clear();
  {
    const context::scope here{context::atomic};
    lazy.drop();
    EXPECT_EQ(journal::take(), torn_down(1, 3));
  }
  EXPECT_EQ(hand_polled::counters().pending, 0U);
}

TEST_F(drops, by_a_second_holder_defer_alike) {
  auto other = user;
  user.drop();
  {
    const context::scope here{context::any};
    other.drop();
  }
  EXPECT_EQ(journal::take(), nothing);
  expect_deferred_from(0);
}

TEST_F(drops, that_are_not_the_last_never_defer) {
  {
    const context::scope here{context::any};
    auto other = user;
    other.drop();
    user.share<identity>().drop();
    user.share<page_directory>().drop(context::in_any);
  }
  EXPECT_EQ(hand_polled::counters().pending, 0U);
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(user.use_count(), 1U);
}

TEST_F(drops, by_demote_defer_as_well_and_hold_the_lower_tier_at_once) {
  ref<mm> bare;
  {
    const context::scope here{context::any};
    bare = std::move(user).demote<identity>();
  }
  EXPECT_FALSE(bare.promote<mappings>()) << "dead, though its teardown waits";
  EXPECT_EQ(bare.use_count<page_directory>(), 1U) << "the collective reference of the mappings";
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), torn_down(0, 2));
  bare.drop();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

TEST_F(drops, that_wait_keep_the_tiers_inside_alive) {
  auto bare = user.share<identity>();
  {
    const context::scope here{context::atomic};
    user.drop();
    EXPECT_TRUE(bare.promote<page_directory>());
    bare.drop();  // not the last: the waiting teardown has the collective one
  }
  EXPECT_EQ(journal::take(), nothing);
  expect_deferred_from(0);
}

// ---- tokens ---------------------------------------------------------------------------------------

TEST_F(drops, with_a_token_below_the_threads_level_honour_the_token) {
  user.drop(context::in_any);
  EXPECT_EQ(journal::take(), nothing);
  expect_deferred_from(0);
}

TEST_F(drops, with_a_token_that_suffices_run_inline) {
  auto lazy = user.share<page_directory>();
  user.drop(context::in_process);
  EXPECT_EQ(journal::take(), torn_down(0, 1));
  lazy.drop(context::in_atomic);
  EXPECT_EQ(journal::take(), torn_down(1, 3));
}

TEST_F(drops, with_a_token_above_the_threads_level_are_reported_and_honour_the_thread) {
  {
    const context::scope here{context::any};
    user.drop(context::in_process);
  }
  EXPECT_EQ(reported.take(), (misuses{{misuse::level_exceeded, 1}}));
  EXPECT_EQ(journal::take(), nothing);
  expect_deferred_from(0);
}

TEST_F(drops, by_demote_with_a_token_honour_it) {
  auto bare = std::move(user).demote<identity>(context::in_atomic);
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), torn_down(0, 2));
}

// ---- a cascade that comes to a tier with higher needs ---------------------------------------------

struct quick_outer final : journaled<quick_outer> {
  static constexpr auto teardown = context::any;
  static constexpr const char* name = "quick_outer";
};
struct slow_middle final : journaled<slow_middle> {
  static constexpr auto teardown = context::process;
  static constexpr const char* name = "slow_middle";
};
struct quick_inner final : journaled<quick_inner> {
  static constexpr auto teardown = context::any;
  static constexpr const char* name = "quick_inner";
};
template <class Counts>
using sandwich = trefoil::basic_staged<test_traits<Counts>, quick_outer, slow_middle, quick_inner>;

template <class>
struct cascades : staged_test {};
TYPED_TEST_SUITE(cascades, kinds_of_counts);

TYPED_TEST(cascades, run_inline_as_far_as_the_level_allows) {
  auto all = make<sandwich<TypeParam>>();
  journal::clear();
  {
    const context::scope here{context::atomic};
    all.drop();
    EXPECT_EQ(journal::take(), journal::entries{"-quick_outer"});
  }
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"-slow_middle", "-quick_inner"}));
}

TYPED_TEST(cascades, with_a_token_run_inline_as_far_as_it_allows) {
  auto all = make<sandwich<TypeParam>>();
  journal::clear();
  all.drop(context::in_any);
  EXPECT_EQ(journal::take(), journal::entries{"-quick_outer"});
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"-slow_middle", "-quick_inner"}));
}

TYPED_TEST(cascades, that_wait_at_a_level_too_low_are_put_back) {
  auto all = make<sandwich<TypeParam>>();
  journal::clear();
  {
    const context::scope here{context::atomic};
    all.drop();
    EXPECT_EQ(hand_polled::poll(), 1U);
    EXPECT_EQ(hand_polled::counters().pending, 1U);
  }
  EXPECT_EQ(journal::take(), journal::entries{"-quick_outer"});
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"-slow_middle", "-quick_inner"}));
}

// ---- tiers that must not be deferred --------------------------------------------------------------

struct urgent final : journaled<urgent> {
  static constexpr auto teardown = context::process;
  static constexpr bool no_defer = true;
  static constexpr const char* name = "urgent";
};
struct inline_traits : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  using reclaimer = trefoil::inline_only;
};

struct unwilling : staged_test {};

TEST_F(unwilling, a_tier_marked_no_defer_is_reported_and_deferred) {
  using object = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, urgent>;
  auto held = make<object>();
  journal::clear();
  {
    const context::scope here{context::atomic};
    held.drop();
  }
  EXPECT_EQ(reported.take(), (misuses{{misuse::no_defer, 1}}));
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), journal::entries{"-urgent"});
  make<object>().drop();  // where it may run it is nothing special
}

TEST_F(unwilling, an_inline_only_object_is_reported_and_leaked) {
  using object = trefoil::basic_staged<inline_traits, urgent>;
  auto held = make<object>();
  journal::clear();
  {
    const context::scope here{context::any};
    held.drop();
  }
  EXPECT_EQ(reported.take(), (misuses{{misuse::no_defer, 1}, {misuse::forbidden_level, 1}}));
  EXPECT_EQ(journal::take(), journal::entries{});
}

TEST_F(unwilling, an_inline_only_object_is_torn_down_where_it_may_be) {
  auto held = make<trefoil::basic_staged<inline_traits, urgent>>();
  journal::clear();
  held.drop(context::in_process);
  EXPECT_EQ(journal::take(), journal::entries{"-urgent"});
}

// ---- teardowns that drop other objects ------------------------------------------------------------

/// Its teardown is legal everywhere, and drops the last reference to something whose is not.
struct directory_entry final : journaled<directory_entry> {
  static constexpr auto teardown = context::any;
  static constexpr const char* name = "directory_entry";
  explicit directory_entry(ref<mm, mappings> o) : owner(std::move(o)) {}
  ref<mm, mappings> owner;
};
using entry = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, directory_entry>;

struct drops_within_drops : staged_test {
  ref<entry> outer = make<entry>(make<mm>());
  drops_within_drops() { journal::clear(); }

  static void expect_inner_object_deferred() {
    EXPECT_EQ(journal::take(), journal::entries{"-directory_entry"});
    EXPECT_EQ(hand_polled::counters().pending, 1U);
    hand_polled::poll();
    EXPECT_EQ(journal::take(), torn_down(0, 3));
  }
};

TEST_F(drops_within_drops, in_a_scope_honour_the_scope) {
  {
    const context::scope here{context::any};
    outer.drop();
  }
  expect_inner_object_deferred();
}

TEST_F(drops_within_drops, with_a_token_honour_the_token) {
  // The caller said `any`, perhaps because of a lock it holds: no teardown that needs more may run
  // before its drop returns, whichever object it belongs to.
  outer.drop(context::in_any);
  expect_inner_object_deferred();
}

}  // namespace
