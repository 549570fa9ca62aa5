// SPDX-License-Identifier: Apache-2.0
// Objects that must not be deferred: inline_only, and tiers marked no_defer.
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

struct tag;
using P = own_threads<tag>;
template <class... Tiers>
using strict = trefoil::basic_staged<traits_on<P, trefoil::inline_only>, Tiers...>;
using context::any;
using context::atomic;
using context::process;

TEST(inline_only, runs_inline_where_the_level_allows_it) {
  using T = strict<noted<P, 0, atomic>, noted<P, 1, any>>;
  journal log;
  make_noted<T>(1, log).drop();
  EXPECT_EQ(log.size(), 2U);
  drop_at<P>(atomic, make_noted<T>(2, log));
  EXPECT_EQ(log.size(), 4U);
  make_noted<T>(3, log).drop(context::in_process);
  make_noted<T>(4, log).drop(context::in_atomic);
  EXPECT_EQ(log.size(), 8U);
  EXPECT_EQ(P::reported(misuse::forbidden_level), 0U);
}

TEST(inline_only, a_forbidden_level_is_reported_and_leaks) {
  using T = strict<noted<P, 0, atomic>, noted<P, 1, any>>;
  journal log;
  const std::uint64_t before = P::reported(misuse::forbidden_level);
  auto outer = make_noted<T>(1, log);
  auto bare = outer.share<noted<P, 1, any>>();
  drop_at<P>(any, std::move(outer));
  EXPECT_EQ(P::reported(misuse::forbidden_level), before + 1);
  EXPECT_EQ(log.size(), 0U);
  EXPECT_FALSE((bare.promote<noted<P, 0, atomic>>()));  // gone for all that; its teardown never ran
  EXPECT_EQ(bare->object, 1);
  // The stage that leaked keeps its collective reference: the object itself stays, too.
  EXPECT_EQ(bare.use_count(), 2U);
  bare.drop();
  EXPECT_EQ(log.size(), 0U);
}

TEST(inline_only, only_the_stage_that_is_not_allowed_leaks) {
  using T = strict<noted<P, 0, any>, noted<P, 1, process>>;
  journal log;
  const std::uint64_t before = P::reported(misuse::forbidden_level);
  drop_at<P>(atomic, make_noted<T>(1, log));
  EXPECT_EQ(P::reported(misuse::forbidden_level), before + 1);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log.entries()[0].stage, 0);
}

TEST(inline_only, a_drop_that_is_not_the_last_is_fine_anywhere) {
  using T = strict<noted<P, 0, process>>;
  journal log;
  const std::uint64_t before = P::reported_at_all();
  auto r = make_noted<T>(1, log);
  {
    const scope<P> here(any);
    for (int i = 0; i < 10; ++i) auto copy = r;
  }
  EXPECT_EQ(P::reported_at_all(), before);
  r.drop();
  EXPECT_EQ(log.size(), 1U);
}

TEST(inline_only, objects_for_any_level_are_dropped_at_any) {
  using T = strict<noted<P, 0, any>, noted<P, 1, any>, noted<P, 2, any>>;
  static_assert(!T::may_defer);
  static_assert(trefoil::droppable_in<trefoil::ref<T, trefoil::outermost_tier<T>>, any>);
  static_assert(trefoil::droppable_in<trefoil::ref<T>, any>);
  journal log;
  make_noted<T>(1, log).drop(context::in_any);
  drop_at<P>(any, make_noted<T>(2, log));
  auto outer = make_noted<T>(3, log);
  auto copy = outer;
  auto middle = outer.share<noted<P, 1, any>>();
  auto bare = middle.share<noted<P, 2, any>>();
  outer.drop(context::in_any);
  copy.drop(context::in_any);
  EXPECT_EQ(log.size(), 7U);
  {
    const scope<P> here(any);
    bare = std::move(middle).demote<noted<P, 2, any>>(context::in_any);
  }
  EXPECT_EQ(log.size(), 8U);
  bare.drop(context::in_any);
  EXPECT_EQ(log.size(), 9U);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(log.entries()[static_cast<std::size_t>(i)].stage, i % 3);
  EXPECT_EQ(P::reported(misuse::level_exceeded), 0U);
}

TEST(inline_only, droppable_in_is_about_the_tier_and_those_inside) {
  using T = strict<noted<P, 0, process>, noted<P, 1, any>, noted<P, 2, atomic>>;
  using outer = trefoil::ref<T, noted<P, 0, process>>;
  using middle = trefoil::ref<T, noted<P, 1, any>>;
  using bare = trefoil::ref<T>;
  EXPECT_TRUE((trefoil::droppable_in<outer, process>));
  EXPECT_FALSE((trefoil::droppable_in<outer, atomic>));
  EXPECT_TRUE((trefoil::droppable_in<middle, atomic>));
  EXPECT_FALSE((trefoil::droppable_in<middle, any>));
  EXPECT_FALSE((trefoil::droppable_in<bare, any>));
  EXPECT_TRUE((trefoil::droppable_in<bare, atomic>));
}

// ---- no_defer ------------------------------------------------------------------------------------

/// A tier whose teardown ought never to be deferred.
struct prompt : noted<P, 0, atomic> {
  using noted::noted;
  static constexpr bool no_defer = true;
};

TEST(no_defer, reported_but_deferred_and_run_all_the_same) {
  using worker = trefoil::basic_worker<P>;
  using T = trefoil::basic_staged<traits_on<P>, prompt, noted<P, 1, process>>;
  journal log;
  const std::uint64_t before = P::reported(misuse::no_defer);
  const auto make = [&log](int i) {
    return trefoil::make<T>(trefoil::with<prompt>(i, log),
                            trefoil::with<noted<P, 1, process>>(i, log));
  };
  make(1).drop();
  drop_at<P>(atomic, make(2));  // defers the tier inside, which is not marked
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(log.size(), 4U);
  EXPECT_EQ(P::reported(misuse::no_defer), before);
  drop_at<P>(any, make(3));
  ASSERT_TRUE(worker::flush());
  EXPECT_EQ(P::reported(misuse::no_defer), before + 1);
  ASSERT_EQ(log.size(), 6U);
  EXPECT_EQ(log.entries()[4].stage, 0);
  EXPECT_EQ(log.entries()[4].level, process);
}

}  // namespace
