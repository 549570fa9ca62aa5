// SPDX-License-Identifier: Apache-2.0
// How the constructors of tiers get their arguments, and the tiers inside them.
#include "staged_test.hpp"

#include <memory>
#include <string>
#include <utility>

namespace {

using trefoil::make;
using trefoil::with;

constexpr auto any_level = trefoil::context::any;

/// The traits of all objects here.
using traits = test_traits<trefoil::default_counts>;

struct account {
  static constexpr auto teardown = any_level;
  account() = default;
  account(std::string n, int l) : name(std::move(n)), limit(l) {}
  account(const account&) = delete;  // tiers are built in place: neither copied nor moved
  account& operator=(const account&) = delete;
  std::string name = "nobody";
  int limit = -1;
};

struct session {
  static constexpr auto teardown = any_level;
  explicit session(account& a, int t = 30) : of(&a), timeout(t) {}
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  account* of;
  int timeout;
};

struct connection {
  static constexpr auto teardown = any_level;
  connection(session& s, account& a, std::unique_ptr<int> d = nullptr)
      : in(&s), of(&a), descriptor(std::move(d)) {}
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  session* in;
  account* of;
  std::unique_ptr<int> descriptor;
};

using line = trefoil::basic_staged<traits, connection, session, account>;

struct tier_arguments : staged_test {};

TEST_F(tier_arguments, may_be_left_out) {
  const auto it = make<line>();
  EXPECT_EQ(it.at<account>().name, "nobody");
  EXPECT_EQ(it.at<session>().timeout, 30);
  EXPECT_EQ(it->descriptor, nullptr);
}

TEST_F(tier_arguments, plain_ones_go_to_the_innermost) {
  const auto it = make<line>("alice", 5);
  EXPECT_EQ(it.at<account>().name, "alice");
  EXPECT_EQ(it.at<account>().limit, 5);
  EXPECT_EQ(it.at<session>().timeout, 30);
}

TEST_F(tier_arguments, others_go_to_the_tier_they_name) {
  const auto it = make<line>(with<account>("bob", 6), with<session>(60),
                             with<connection>(std::make_unique<int>(9)));
  EXPECT_EQ(it.at<account>().name, "bob");
  EXPECT_EQ(it.at<session>().timeout, 60);
  EXPECT_EQ(*it->descriptor, 9);
}

TEST_F(tier_arguments, come_in_any_order) {
  const auto it =
      make<line>(with<connection>(std::make_unique<int>(1)), "carol", with<session>(10), 2);
  EXPECT_EQ(it.at<account>().name, "carol");
  EXPECT_EQ(it.at<account>().limit, 2);
  EXPECT_EQ(it.at<session>().timeout, 10);
  EXPECT_EQ(*it->descriptor, 1);
}

TEST_F(tier_arguments, may_be_named_and_none) {
  const auto it = make<line>(with<session>(), with<account>());
  EXPECT_EQ(it.at<session>().timeout, 30);
  EXPECT_EQ(it.at<account>().limit, -1);
}

TEST_F(tier_arguments, pass_through_try_make_alike) {
  const auto it = trefoil::try_make<line>("dave", 7, with<session>(1));
  ASSERT_TRUE(it);
  EXPECT_EQ(it.at<account>().name, "dave");
  EXPECT_EQ(it.at<session>().timeout, 1);
}

// ---- forwarding -----------------------------------------------------------------------------------

/// Counts how it was passed on.
struct parcel {
  int copies = 0;
  int moves = 0;
  parcel() = default;
  parcel(const parcel& other) : copies(other.copies + 1), moves(other.moves) {}
  parcel(parcel&& other) noexcept : copies(other.copies), moves(other.moves + 1) {}
  parcel& operator=(const parcel&) = delete;
};

struct by_value {
  static constexpr auto teardown = any_level;
  explicit by_value(parcel p) : got(std::move(p)) {}
  parcel got;
};
struct by_reference {
  static constexpr auto teardown = any_level;
  by_reference(by_value&, parcel& p, const int& n) : got(&p), number(&n) {}
  parcel* got;
  const int* number;
};
using forwarding = trefoil::basic_staged<traits, by_reference, by_value>;

TEST_F(tier_arguments, are_forwarded_not_copied) {
  parcel mine;
  const int number = 4;
  const auto it = make<forwarding>(parcel{}, with<by_reference>(mine, number));
  EXPECT_EQ(it->got, &mine);
  EXPECT_EQ(it->number, &number);
  EXPECT_EQ(it.at<by_value>().got.copies, 0);
  EXPECT_EQ(it.at<by_value>().got.moves, 2);  // into the parameter, into the member
}

TEST_F(tier_arguments, given_by_name_are_forwarded_alike) {
  parcel mine;
  const int number = 4;
  const auto it =
      make<forwarding>(with<by_value>(std::move(mine)), with<by_reference>(mine, number));
  EXPECT_EQ(it.at<by_value>().got.copies, 0);
  EXPECT_EQ(it.at<by_value>().got.moves, 2);
}

TEST_F(tier_arguments, lvalues_are_copied_only_by_who_takes_them_by_value) {
  parcel mine;
  const int number = 4;
  const auto it = make<forwarding>(mine, with<by_reference>(mine, number));
  EXPECT_EQ(it.at<by_value>().got.copies, 1);
  EXPECT_EQ(it->got, &mine);
  EXPECT_EQ(mine.copies, 0);
}

// ---- the tiers inside -----------------------------------------------------------------------------

struct core {
  static constexpr auto teardown = any_level;
  int number = 1;
};
struct takes_all {
  static constexpr auto teardown = any_level;
  explicit takes_all(core& c) : inner(&c) {}
  core* inner;
};
struct takes_the_nearest {
  static constexpr auto teardown = any_level;
  explicit takes_the_nearest(takes_all& t, int n = 0) : near(&t), number(n) {}
  takes_all* near;
  int number;
};
struct takes_none {
  static constexpr auto teardown = any_level;
  explicit takes_none(int n) : number(n) {}
  int number;
};
/// Could do with fewer: takes as many as it can.
struct takes_the_most {
  static constexpr auto teardown = any_level;
  explicit takes_the_most(takes_none&) {}
  takes_the_most(takes_none&, takes_the_nearest&) : taken(2) {}
  takes_the_most(takes_none&, takes_the_nearest&, takes_all&, core& c) : taken(4), inner(&c) {}
  int taken = 1;
  core* inner = nullptr;
};
using shells =
    trefoil::basic_staged<traits, takes_the_most, takes_none, takes_the_nearest, takes_all, core>;

TEST_F(tier_arguments, follow_as_many_of_the_tiers_inside_as_the_constructor_takes) {
  const auto it = make<shells>(with<takes_none>(3), with<takes_the_nearest>(2));
  EXPECT_EQ(it.at<takes_all>().inner, &it.at<core>());
  EXPECT_EQ(it.at<takes_the_nearest>().near, &it.at<takes_all>());
  EXPECT_EQ(it.at<takes_the_nearest>().number, 2);
  EXPECT_EQ(it.at<takes_none>().number, 3);
  EXPECT_EQ(it->taken, 4);
  EXPECT_EQ(it->inner, &it.at<core>());
}

// ---- the second half of construction --------------------------------------------------------------

struct ledger {
  static constexpr auto teardown = any_level;
  static bool init(ledger& self) noexcept {
    journal::write("init ledger");
    self.ready = true;
    return true;
  }
  ledger() { journal::write("+ledger"); }
  bool ready = false;
};
struct clerk {
  static constexpr auto teardown = any_level;
  explicit clerk(ledger& l) : found_it_ready(l.ready) { journal::write("+clerk"); }
  bool found_it_ready;
};
/// `init` of another kind is none of the library's business.
struct bystander {
  static constexpr auto teardown = any_level;
  int init = 3;
};
using office = trefoil::basic_staged<traits, bystander, clerk, ledger>;

TEST_F(tier_arguments, init_runs_after_the_constructor_and_before_the_tier_outside) {
  const auto it = make<office>();
  EXPECT_EQ(journal::take(), (journal::entries{"+ledger", "init ledger", "+clerk"}));
  EXPECT_TRUE(it.at<clerk>().found_it_ready);
}

}  // namespace
