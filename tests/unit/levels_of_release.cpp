// SPDX-License-Identifier: Apache-2.0
// Memory goes back at the level of the drop: a storage that is told more would touch, in a handler,
// the list that the handler interrupted.
#include "staged_test.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace {

using trefoil::make;
namespace context = trefoil::context;

std::string released_at(context::level level) {
  switch (level) {
    case context::any: return "released at any";
    case context::atomic: return "released at atomic";
    case context::process: return "released at process";
  }
  return "released at no level";
}

/// Writes down what level each block comes back at.
struct telling_storage {
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source : counted_storage::source<P, Size, Align, Blocks> {
    static void release(void* block, context::level here) noexcept {
      journal::write(released_at(here));
      counted_storage::source<P, Size, Align, Blocks>::release(block, here);
    }
  };
};

using kinds_of_two_counts = ::testing::Types<trefoil::packed_counts<>, trefoil::packed_counts<8, 8>,
                                             trefoil::wide_counts, trefoil::padded_counts>;

// ---- tiers whose destructors do nothing -----------------------------------------------------------

/// Nothing to run, and yet not to be given back everywhere.
struct table {
  static constexpr auto teardown = context::process;
  int entries = 1;
};
struct number {
  static constexpr auto teardown = context::any;
  int value = 2;
};
template <class Counts>
using quiet = trefoil::basic_staged<test_traits<Counts, telling_storage>, table, number>;

template <class>
struct quiet_tiers : staged_test {};
TYPED_TEST_SUITE(quiet_tiers, kinds_of_two_counts);

TYPED_TEST(quiet_tiers, wait_for_their_level_like_any_other) {
  for (const context::level level : {context::any, context::atomic}) {
    auto all = make<quiet<TypeParam>>();
    {
      const context::scope here{level};
      all.drop();
    }
    EXPECT_EQ(journal::take(), journal::entries{});
    EXPECT_EQ(hand_polled::counters().pending, 1U);
    EXPECT_EQ(hand_polled::poll(), 1U);
    EXPECT_EQ(journal::take(), journal::entries{released_at(context::process)});
  }
}

TYPED_TEST(quiet_tiers, go_at_the_level_of_the_drop_that_may) {
  for (const context::level level : {context::any, context::atomic, context::process}) {
    auto inner = make<quiet<TypeParam>>().template demote<number>();
    {
      const context::scope here{level};
      inner.drop();
    }
    EXPECT_EQ(journal::take(), journal::entries{released_at(level)});
  }
}

// ---- tiers with a block of their own --------------------------------------------------------------

struct samples {
  static constexpr auto teardown = context::any;
  static constexpr auto placement = trefoil::placement::outside;
  ~samples() { journal::write("-samples"); }
  int first = 3;
};
template <class Counts>
using sound = trefoil::basic_staged<test_traits<Counts, telling_storage>, samples, number>;

template <class>
struct outside_blocks : staged_test {};
TYPED_TEST_SUITE(outside_blocks, kinds_of_two_counts);

TYPED_TEST(outside_blocks, go_at_the_level_of_their_teardown) {
  for (const context::level level : {context::any, context::atomic, context::process}) {
    auto all = make<sound<TypeParam>>();
    {
      const context::scope here{level};
      all.drop();
    }
    EXPECT_EQ(journal::take(),
              (journal::entries{"-samples", released_at(level), released_at(level)}));
  }
}

TYPED_TEST(outside_blocks, of_a_tier_alone_likewise) {
  for (const context::level level : {context::any, context::atomic, context::process}) {
    auto all = make<sound<TypeParam>>();
    const context::scope here{level};
    auto inner = std::move(all).template demote<number>();
    EXPECT_EQ(journal::take(), (journal::entries{"-samples", released_at(level)}));
    inner.drop();
    EXPECT_EQ(journal::take(), journal::entries{released_at(level)});
  }
}

}  // namespace
