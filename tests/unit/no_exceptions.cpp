// SPDX-License-Identifier: Apache-2.0
// The whole mechanism without exceptions and RTTI: to be compiled with -fno-exceptions -fno-rtti.
#include "address_space.hpp"

#include <cstdlib>
#include <utility>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;
using trefoil::try_make;
namespace context = trefoil::context;

struct no_exceptions : staged_test {};

TEST_F(no_exceptions, this_file_is_compiled_as_it_says) {
#if defined(__cpp_exceptions) || defined(__cpp_rtti)
  FAIL() << "the build did not give this file -fno-exceptions -fno-rtti";
#endif
}

TEST_F(no_exceptions, references_of_all_kinds) {
  auto user = make<mm>();
  auto lazy = user.share<page_directory>();
  auto bare = lazy.share<identity>();
  EXPECT_TRUE(bare.promote<mappings>());
  journal::clear();
  user.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 1));
  EXPECT_FALSE(bare.promote<mappings>());
  auto rest = std::move(lazy).demote<identity>();
  EXPECT_EQ(journal::take(), torn_down(1, 2));
  EXPECT_TRUE(trefoil::ref_from_tier<mm>(*rest) == bare);
  bare.drop();
  rest.drop();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

TEST_F(no_exceptions, separate_counts) {
  auto user = make<address_space<trefoil::wide_counts>>();
  auto bare = user.share<identity>();
  journal::clear();
  user.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
}

TEST_F(no_exceptions, deferral) {
  auto user = make<mm>();
  journal::clear();
  {
    const context::scope here{context::any};
    user.drop();
  }
  EXPECT_EQ(hand_polled::poll(), 1U);
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TEST_F(no_exceptions, the_default_reclaimer) {
  using object = trefoil::staged<mappings, page_directory, identity>;
  auto user = make<object>();
  journal::clear();
  {
    const context::scope here{context::any};
    user.drop();
  }
  EXPECT_TRUE(trefoil::worker::flush());
  EXPECT_EQ(journal::take(), torn_down(0, 3));
}

TEST_F(no_exceptions, slots_and_parts) {
  trefoil::slot<ref<mm, mappings>> active(make<mm>());
  const trefoil::aliasing_ref<int, mm, mappings> areas(active.load(), active.load()->areas);
  active.clear();
  EXPECT_EQ(*areas, 0);
}

TEST_F(no_exceptions, static_objects) {
  static trefoil::static_object<mm> init_mm;
  ref<mm, mappings>::adopt(init_mm.get().address()).drop();
  EXPECT_EQ(reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  journal::clear();
}

struct findable_traits : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
  using key = int;
};

TEST_F(no_exceptions, findable_objects) {
  using object = trefoil::basic_staged<findable_traits, identity>;
  auto made = make<object>(7);
  EXPECT_TRUE(trefoil::try_acquire<identity>(made.address(), 7));
  EXPECT_FALSE(trefoil::try_acquire<identity>(made.address(), 8));
}

// ---- failure --------------------------------------------------------------------------------------

struct choosy final : journaled<choosy> {
  static constexpr auto teardown = context::any;
  static constexpr const char* name = "choosy";
  static inline bool refuses = false;
  explicit choosy(identity&) {}
  static bool init(choosy&) noexcept { return !refuses; }
};
using refusable = trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, choosy, identity>;

struct failure_without_exceptions : staged_test {
  ~failure_without_exceptions() override { choosy::refuses = false; }
};

TEST_F(failure_without_exceptions, try_make_is_empty_if_a_tier_refuses) {
  choosy::refuses = true;
  EXPECT_FALSE(try_make<refusable>());
  EXPECT_EQ(journal::take(), (journal::entries{"+identity", "+choosy", "-choosy", "-identity"}));
}

TEST_F(failure_without_exceptions, try_make_is_empty_if_there_is_no_memory) {
  counted_storage::fail_on(1);
  EXPECT_FALSE(try_make<refusable>());
  EXPECT_TRUE(try_make<refusable>());
}

/// The worker's thread runs by now: a plain fork() would copy a process with a hole in it.
struct failure_without_exceptions_death : failure_without_exceptions {
  failure_without_exceptions_death() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(failure_without_exceptions_death, make_traps) {
  EXPECT_DEATH(
      {
        choosy::refuses = true;
        static_cast<void>(make<refusable>());
        std::_Exit(0);
      },
      "");
  EXPECT_DEATH(
      {
        counted_storage::fail_on(1);
        static_cast<void>(make<refusable>());
        std::_Exit(0);
      },
      "");
}

}  // namespace
