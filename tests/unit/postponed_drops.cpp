// SPDX-License-Identifier: Apache-2.0
// Last references that are dropped inside a teardown: their teardowns run after it, not within it,
// and before the outermost drop returns.
#include "staged_test.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
namespace context = trefoil::context;

struct box;
using boxed = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, box>;

/// Journals the begin and the end of its teardown; between them does what the test says.
struct box final {
  static constexpr auto teardown = context::any;

  explicit box(std::string n, std::function<void()> d = nullptr)
      : name(std::move(n)), during_teardown(std::move(d)) {}
  box(const box&) = delete;
  box& operator=(const box&) = delete;
  ~box() {
    journal::write(name + " begins");
    if (during_teardown) during_teardown();
    journal::write(name + " ends");
  }

  std::string name;
  std::function<void()> during_teardown;
};

/// A box whose teardown drops another one, the last reference to it.
ref<boxed> around(std::string name, ref<boxed>& within) {
  return make<boxed>(std::move(name), [&within] { within.drop(); });
}

struct postponed_drops : staged_test {
  ref<boxed> inner = make<boxed>("inner");
};

TEST_F(postponed_drops, run_after_the_teardown_that_dropped_them) {
  auto outer = around("outer", inner);
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, by_a_member_that_holds_the_reference_likewise) {
  // The lambda owns the reference: it goes with the members, after the destructor's body.
  auto outer = make<boxed>("outer", [held = std::move(inner)] {});
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, of_a_shared_owner_run_after_its_teardown) {
  auto outer = around("outer", inner);
  auto other = outer;
  outer.drop();
  EXPECT_EQ(journal::take(), journal::entries{});
  other.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, in_a_chain_run_one_after_the_other) {
  auto middle = around("middle", inner);
  auto outer = around("outer", middle);
  outer.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"outer begins", "outer ends", "middle begins",
                                               "middle ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, several_in_one_teardown_each_run_once_after_it) {
  auto second = make<boxed>("second");
  auto outer = make<boxed>("outer", [&] {
    inner.drop();
    second.drop();
  });
  outer.drop();
  auto written = journal::take();
  ASSERT_EQ(written.size(), 6U);
  EXPECT_EQ(written[1], "outer ends");
  std::sort(written.begin() + 2, written.end());  // which of the two is first is nobody's promise
  EXPECT_EQ((journal::entries{written.begin() + 2, written.end()}),
            (journal::entries{"inner begins", "inner ends", "second begins", "second ends"}));
}

TEST_F(postponed_drops, by_a_drop_that_is_not_the_last_do_not_exist) {
  const auto other = inner;
  around("outer", inner).drop();
  EXPECT_EQ(journal::take(), (journal::entries{"outer begins", "outer ends"}));
}

/// Two tiers; the teardown of the outer one drops a box.
struct lid final {
  static constexpr auto teardown = context::any;
  explicit lid(ref<boxed> w) : within(std::move(w)) {}
  lid(const lid&) = delete;
  lid& operator=(const lid&) = delete;
  ~lid() {
    within.drop();
    journal::write("lid ends");
  }
  ref<boxed> within;
};
struct bottom final {
  static constexpr auto teardown = context::any;
  bottom() = default;
  bottom(const bottom&) = delete;
  bottom& operator=(const bottom&) = delete;
  ~bottom() { journal::write("bottom ends"); }
};
template <class Counts>
using chest = trefoil::basic_staged<test_traits<Counts>, lid, bottom>;

TEST_F(postponed_drops, wait_for_the_whole_cascade) {
  make<chest<trefoil::packed_counts<>>>(trefoil::with<lid>(std::move(inner))).drop();
  const journal::entries expected{"lid ends", "bottom ends", "inner begins", "inner ends"};
  EXPECT_EQ(journal::take(), expected);

  make<chest<trefoil::wide_counts>>(trefoil::with<lid>(make<boxed>("inner"))).drop();
  EXPECT_EQ(journal::take(), expected);
}

// ---- scopes inside teardowns ----------------------------------------------------------------------

TEST_F(postponed_drops, in_a_scope_of_their_own_run_before_it_closes) {
  auto outer = make<boxed>("outer", [&] {
    {
      const context::scope locked{context::any};
      inner.drop();
      journal::write("dropped");
    }
    journal::write("scope closed");
  });
  outer.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"outer begins", "inner begins", "inner ends",
                                               "dropped", "scope closed", "outer ends"}));
}

TEST_F(postponed_drops, in_a_scope_wait_for_each_other) {
  // inner's own teardown drops `third`: within the scope that is a nested drop again.
  auto third = make<boxed>("third");
  auto second = around("second", third);
  auto outer = make<boxed>("outer", [&] {
    const context::scope locked{context::any};
    second.drop();
    journal::write("dropped");
  });
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "second begins", "second ends", "third begins",
                              "third ends", "dropped", "outer ends"}));
}

TEST_F(postponed_drops, before_a_scope_opens_wait_until_after_it) {
  auto second = make<boxed>("second");
  auto outer = make<boxed>("outer", [&] {
    inner.drop();  // postponed to the end of this teardown
    const context::scope locked{context::any};
    second.drop();  // not our work to do: the scope runs this one alone
  });
  outer.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"outer begins", "second begins", "second ends",
                                               "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, in_scopes_nested_too_deep_are_left_to_the_scope_around) {
  constexpr unsigned boxes = 5 * context::deepest_drain;
  // Each teardown opens a scope and drops the next box in it: recursion, but for the limit.
  ref<boxed> next;
  unsigned under_way = 0;
  unsigned deepest = 0;
  unsigned torn = 0;
  for (unsigned i = 0; i < boxes; ++i) {
    next = make<boxed>("box", [held = std::move(next), &under_way, &deepest, &torn]() mutable {
      deepest = std::max(deepest, ++under_way);
      {
        const context::scope locked{context::any};
        held.drop();
      }
      --under_way;
      ++torn;
    });
  }
  next.drop();
  EXPECT_EQ(torn, boxes) << "before the outermost drop returns";
  EXPECT_GT(deepest, 1U) << "the test did not nest";
  EXPECT_LE(deepest, context::deepest_drain + 1);
  EXPECT_EQ(under_way, 0U);
}

TEST_F(postponed_drops, in_scopes_nested_too_deep_do_not_displace_those_before_the_scope) {
  constexpr unsigned boxes = 2 * context::deepest_drain;
  // Where the scope leaves its work to the one around, that one has some of its own already.
  ref<boxed> next;
  unsigned torn = 0;
  for (unsigned i = 0; i < boxes; ++i) {
    auto beside = make<boxed>("beside", [&torn] { ++torn; });
    next =
        make<boxed>("box", [before = std::move(beside), within = std::move(next), &torn]() mutable {
          before.drop();
          const context::scope locked{context::any};
          within.drop();
          ++torn;
        });
  }
  next.drop();
  EXPECT_EQ(torn, 2 * boxes) << "before the outermost drop returns";
}

TEST_F(postponed_drops, in_nested_scopes_of_one_teardown_run_in_the_innermost) {
  auto second = make<boxed>("second");
  auto outer = make<boxed>("outer", [&] {
    const context::scope a{context::atomic};
    {
      const context::scope b{context::any};
      inner.drop();
      journal::write("b closes");
    }
    second.drop();
    journal::write("a closes");
  });
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "inner begins", "inner ends", "b closes",
                              "second begins", "second ends", "a closes", "outer ends"}));
}

// ---- other ways into a teardown -------------------------------------------------------------------

struct slow_box final {
  static constexpr auto teardown = context::process;
  explicit slow_box(std::function<void()> d) : during_teardown(std::move(d)) {}
  slow_box(const slow_box&) = delete;
  slow_box& operator=(const slow_box&) = delete;
  ~slow_box() {
    journal::write("slow begins");
    if (during_teardown) during_teardown();
    journal::write("slow ends");
  }
  std::function<void()> during_teardown;
};
using slow_boxed = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, slow_box>;

TEST_F(postponed_drops, that_need_more_than_the_scope_go_to_the_reclaimer) {
  auto slow = make<slow_boxed>(nullptr);
  auto outer = make<boxed>("outer", [&] {
    const context::scope locked{context::any};
    slow.drop();
  });
  outer.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"outer begins", "outer ends"}));
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"slow begins", "slow ends"}));
}

TEST_F(postponed_drops, in_a_teardown_that_the_reclaimer_runs) {
  auto slow = make<slow_boxed>([this] { inner.drop(); });
  {
    const context::scope here{context::any};
    slow.drop();
  }
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(),
            (journal::entries{"slow begins", "slow ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, in_a_teardown_that_a_list_runs) {
  auto outer = around("outer", inner);
  trefoil::deferred_list later;
  outer.drop_into(later);
  EXPECT_EQ(later.size(), 1U);
  EXPECT_EQ(journal::take(), journal::entries{});
  later.run();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, of_a_list_that_is_run_in_a_teardown) {
  auto outer = make<boxed>("outer", [this] {
    trefoil::deferred_list later;
    inner.drop_into(later);
  });
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "inner begins", "inner ends"}));
}

TEST_F(postponed_drops, of_an_object_made_and_dropped_in_the_teardown) {
  auto outer = make<boxed>("outer", [] { make<boxed>("new").drop(); });
  outer.drop();
  EXPECT_EQ(journal::take(),
            (journal::entries{"outer begins", "outer ends", "new begins", "new ends"}));
}

}  // namespace
