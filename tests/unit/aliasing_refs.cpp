// SPDX-License-Identifier: Apache-2.0
// aliasing_ref: keeps a tier, points at something within it.
#include "staged_test.hpp"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using trefoil::aliasing_ref;
using trefoil::make;
using trefoil::ref;

struct shape {
  int corners = 0;
};
struct square : shape {
  square() : shape{4} {}
};

struct title final {
  static constexpr auto teardown = trefoil::context::any;
  ~title() { journal::write("-title"); }
  std::string text = "untitled";
};
struct drawing final {
  static constexpr auto teardown = trefoil::context::process;
  ~drawing() { journal::write("-drawing"); }
  std::vector<square> squares = std::vector<square>(3);
};
using document = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, drawing, title>;

using square_ref = aliasing_ref<square, document, drawing>;
using shape_ref = aliasing_ref<shape, document, drawing>;
using text_ref = aliasing_ref<std::string, document>;

static_assert(sizeof(square_ref) == 2 * sizeof(void*));
static_assert(std::is_same_v<text_ref::owner_type, ref<document, title>>, "the weakest, as ref");
static_assert(std::is_same_v<square_ref::element_type, square>);
static_assert(std::is_convertible_v<square_ref, shape_ref>);
static_assert(std::is_convertible_v<square_ref, aliasing_ref<const square, document, drawing>>);
static_assert(!std::is_convertible_v<shape_ref, square_ref>);
static_assert(!std::is_convertible_v<text_ref, square_ref>);
static_assert(std::is_nothrow_move_constructible_v<square_ref>);

struct aliasing : staged_test {
  ref<document, drawing> whole = make<document>();
  square_ref second{whole, whole->squares[1]};
};

TEST_F(aliasing, points_at_the_part_and_keeps_the_tier) {
  EXPECT_TRUE(second);
  EXPECT_EQ(second.get(), &whole->squares[1]);
  EXPECT_EQ(&*second, second.get());
  EXPECT_EQ(second->corners, 4);
  EXPECT_TRUE(second.owner() == whole);
  EXPECT_EQ(whole.use_count(), 2U);

  whole.drop();
  EXPECT_EQ(journal::take(), journal::entries{});
  EXPECT_EQ(second->corners, 4);
  second.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"-drawing", "-title"}));
  EXPECT_FALSE(second);
  EXPECT_EQ(second.get(), nullptr);
}

TEST_F(aliasing, of_an_inner_tier_lets_the_outer_one_go) {
  text_ref text(whole.share<title>(), whole.at<title>().text);
  second.drop();
  whole.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-drawing"});
  EXPECT_EQ(*text, "untitled");
  text.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-title"});
}

TEST_F(aliasing, copies_and_moves_as_its_owner) {
  auto copy = second;
  EXPECT_EQ(whole.use_count(), 3U);
  EXPECT_EQ(copy.get(), second.get());

  auto moved = std::move(copy);
  EXPECT_EQ(whole.use_count(), 3U);
  EXPECT_FALSE(copy);  // NOLINT(bugprone-use-after-move): empty is what it promises
  EXPECT_EQ(copy.get(), nullptr);
  EXPECT_FALSE(copy.owner());
  EXPECT_EQ(moved.get(), second.get());
}

TEST_F(aliasing, assignment_drops_what_was_kept) {
  auto other = make<document>();
  square_ref first(other, other->squares[0]);
  other.drop();
  first = second;
  EXPECT_EQ(journal::take(), (journal::entries{"-drawing", "-title"}));
  EXPECT_EQ(first.get(), second.get());
  EXPECT_EQ(whole.use_count(), 3U);

  auto& same = first;
  first = same;
  EXPECT_EQ(whole.use_count(), 3U);
  first = std::move(same);
  EXPECT_EQ(first.get(), second.get());

  first = std::move(second);
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(whole.use_count(), 2U);
}

TEST_F(aliasing, swap_exchanges_owners_and_parts) {
  auto other = make<document>();
  square_ref first(other, other->squares[0]);
  first.swap(second);
  EXPECT_EQ(first.get(), &whole->squares[1]);
  EXPECT_TRUE(first.owner() == whole);
  EXPECT_EQ(second.get(), &other->squares[0]);
  EXPECT_TRUE(second.owner() == other);
}

TEST_F(aliasing, converts_to_a_base_of_the_part) {
  shape_ref base = second;
  EXPECT_EQ(base.get(), second.get());
  EXPECT_EQ(whole.use_count(), 3U);
  shape_ref moved = std::move(second);
  EXPECT_EQ(moved->corners, 4);
  EXPECT_EQ(whole.use_count(), 3U);
  const shape_ref none = square_ref{};
  EXPECT_FALSE(none);
}

TEST_F(aliasing, of_an_empty_owner_is_empty) {
  square here;
  const square_ref none(ref<document, drawing>{}, here);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_FALSE(square_ref{});
}

TEST_F(aliasing, gives_its_owner_up) {
  auto owner = std::move(second).owner();
  EXPECT_TRUE(owner == whole);
  EXPECT_EQ(whole.use_count(), 2U);
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
}

TEST_F(aliasing, dropped_with_a_token_defers_as_its_owner_would) {
  whole.drop();
  second.drop(trefoil::context::in_atomic);
  EXPECT_FALSE(second);
  EXPECT_EQ(journal::take(), journal::entries{});
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), (journal::entries{"-drawing", "-title"}));
}

}  // namespace
