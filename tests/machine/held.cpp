// SPDX-License-Identifier: Apache-2.0
// A holder's slot keeps what the design says, no more, no less, exactly once.
#include "world.hpp"

#include <utility>
#include <vector>

namespace trefoil::machine {
namespace {

// Dead, with nothing but its identity left, and all that is noted with it.
static_assert(sizeof(address_space) <= 256);

class held_test : public ::testing::Test {
 protected:
  world w{"reversed"};
  user_ref space = w.h.create(0, 7);
  lazy_ref lazy = space.share<page_directory>();
  identity_ref bare = space.share<identity>();

  /// References of users, of lazy CPUs and of bare holders, each without the collective one.
  struct counts {
    std::uint64_t users, lazies, bares;
    bool operator==(const counts&) const = default;
  };
  [[nodiscard]] counts now() const {
    return {bare.use_count<mappings>(), bare.use_count<page_directory>() - 1,
            bare.use_count<identity>() - 1};
  }
};

TEST_F(held_test, KeepsWhatTheDesignSaysAndGivesItBack) {
  const counts before = now();
  {
    const held h(space, kept::nothing);
    EXPECT_FALSE(h);
    EXPECT_EQ(h.who(), nullptr);
    EXPECT_EQ(now(), before);
  }
  const struct {
    kept what;
    counts then;
  } cases[]{{kept::identity, {before.users, before.lazies, before.bares + 1}},
            {kept::page_directory, {before.users, before.lazies + 1, before.bares}},
            {kept::mappings, {before.users + 1, before.lazies, before.bares}}};
  for (const auto& c : cases) {
    held h(space, c.what);
    EXPECT_TRUE(h);
    EXPECT_EQ(h.who(), &space.at<identity>());
    EXPECT_EQ(now(), c.then);
    h.drop();
    EXPECT_FALSE(h);
    EXPECT_EQ(h.who(), nullptr);
    EXPECT_EQ(now(), before);
    h.drop();  // of an empty one: nothing
    EXPECT_EQ(now(), before);
  }
}

TEST_F(held_test, OfNothingIsEmptyWhateverItWouldKeep) {
  for (const kept what : {kept::nothing, kept::identity, kept::page_directory, kept::mappings}) {
    EXPECT_FALSE(held(user_ref{}, what));
  }
  EXPECT_FALSE(held(lazy_ref{}));
  EXPECT_FALSE(held());
}

TEST_F(held_test, ALazyCpusReferenceMovesIn) {
  const counts before = now();
  held h(std::move(lazy));
  EXPECT_EQ(now(), before);
  EXPECT_EQ(h.who()->number(), 7U);
  h.drop();
  EXPECT_EQ(now().lazies, before.lazies - 1);
}

TEST_F(held_test, MovedFromIsEmptyAndSaysSo) {
  const counts before = now();
  for (const kept what : {kept::identity, kept::page_directory, kept::mappings}) {
    held first(space, what);
    const counts with_one = now();
    held second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what this is about
    EXPECT_EQ(first.who(), nullptr);
    EXPECT_TRUE(second);
    EXPECT_EQ(now(), with_one);
    held third;
    third = std::move(second);
    EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(second.who(), nullptr);
    EXPECT_EQ(third.who()->number(), 7U);
    EXPECT_EQ(now(), with_one);
    third = held();
    EXPECT_EQ(now(), before);
  }
}

TEST_F(held_test, ACopyIsOneMoreOfTheSameKind) {
  const counts before = now();
  const held first(space, kept::identity);
  held second = first;
  EXPECT_EQ(now().bares, before.bares + 2);
  second = first;
  EXPECT_EQ(now().bares, before.bares + 2);
  held& same = second;
  second = same;
  EXPECT_EQ(now().bares, before.bares + 2);
  second.drop();
  EXPECT_EQ(now().bares, before.bares + 1);
  EXPECT_TRUE(first);
}

TEST_F(held_test, KeepsExactlyItsTierAlive) {
  const struct {
    kept what;
    std::int64_t mappings, page_directories;
  } cases[]{{kept::identity, 0, 0}, {kept::page_directory, 0, 1}, {kept::mappings, 1, 1}};
  space.drop();
  lazy.drop();
  bare.drop();
  for (const auto& c : cases) {
    user_ref one = w.h.create(0, 8);
    held h(one, c.what);
    w.h.mmput(0, std::move(one));
    EXPECT_EQ(w.h.figures().mappings(), c.mappings);
    EXPECT_EQ(w.h.figures().page_directories(), c.page_directories);
    EXPECT_EQ(w.h.figures().identities(), 1);
    EXPECT_EQ(h.who()->number(), 8U);
    w.h.drop(0, h, holder::struct_only, place::task);
    w.expect_empty();
  }
}

}  // namespace
}  // namespace trefoil::machine
