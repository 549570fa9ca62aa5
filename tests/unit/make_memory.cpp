// SPDX-License-Identifier: Apache-2.0
// No memory, no memory at this level, no room in the backlog: make fails and leaves nothing behind.
#include "staged_test.hpp"

#include <cstddef>
#include <string>

namespace {

using trefoil::make;
using trefoil::make_failed;
using trefoil::make_failure;
using trefoil::ref;
using trefoil::try_make;
namespace context = trefoil::context;

template <class Object>
void expect_make_fails_with(make_failure why) {
  EXPECT_FALSE(try_make<Object>());
  try {
    static_cast<void>(make<Object>());
    ADD_FAILURE() << "make() did not fail";
  } catch (const make_failed& failed) { EXPECT_EQ(failed.why(), why); }
}

// ---- every allocation fails once ------------------------------------------------------------------

template <int K>
struct outside_stage {
  static constexpr auto teardown = context::any;
  static constexpr auto placement = trefoil::placement::outside;
  outside_stage() { journal::write("+" + std::to_string(K)); }
  outside_stage(const outside_stage&) = delete;
  outside_stage& operator=(const outside_stage&) = delete;
  ~outside_stage() { journal::write("-" + std::to_string(K)); }
  std::byte bytes[256];
};

template <class Counts>
using all_outside = trefoil::basic_staged<test_traits<Counts>, outside_stage<0>, outside_stage<1>,
                                          outside_stage<2>>;

template <class>
struct out_of_memory : staged_test {};
TYPED_TEST_SUITE(out_of_memory, kinds_of_counts);

TYPED_TEST(out_of_memory, at_any_allocation_undoes_what_was_built) {
  using object = all_outside<TypeParam>;
  const journal::entries expected[] = {
      {}, {}, {"+2", "-2"}, {"+2", "+1", "-1", "-2"}};  // the object itself, tier 2, tier 1, tier 0
  constexpr unsigned allocations = 4;
  for (unsigned n = 1; n <= allocations; ++n) {
    counted_storage::fail_on(n);
    EXPECT_FALSE(try_make<object>()) << n;
    EXPECT_EQ(journal::take(), expected[n - 1]) << n;
    EXPECT_EQ(counted_storage::blocks(), 0U) << n;

    counted_storage::fail_on(n);
    EXPECT_THROW(static_cast<void>(make<object>()), make_failed) << n;
    EXPECT_EQ(journal::take(), expected[n - 1]) << n;
    EXPECT_EQ(counted_storage::blocks(), 0U) << n;
  }
  counted_storage::fail_on(allocations + 1);
  EXPECT_TRUE(try_make<object>());
}

TYPED_TEST(out_of_memory, is_what_make_says) {
  counted_storage::fail_on(1);
  try {
    static_cast<void>(make<all_outside<TypeParam>>());
    ADD_FAILURE() << "make() did not fail";
  } catch (const make_failed& failed) { EXPECT_EQ(failed.why(), make_failure::memory); }
}

// ---- the pool, on a platform that has no memory ---------------------------------------------------

/// Threads of a process that may be out of memory.
struct scarce : trefoil::threads {
  static inline bool exhausted = false;
  static inline std::size_t allocations = 0;

  static context::state<scarce>& state() noexcept {
    static constinit thread_local context::state<scarce> mine;
    return mine;
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    ++allocations;
    return exhausted ? nullptr : threads::allocate(bytes, align);
  }
};
static_assert(trefoil::platform<scarce>);

struct scarce_traits {
  using platform = scarce;
  using counts = trefoil::default_counts;
  using reclaimer = trefoil::inline_only;
  using storage = trefoil::pooled;
};

struct lone_tier {
  static constexpr auto teardown = context::any;
  std::byte bytes[48];
};
using scarce_object = trefoil::basic_staged<scarce_traits, lone_tier>;

struct memory_of_the_platform : staged_test {
  ~memory_of_the_platform() override {
    scarce::exhausted = false;
    trefoil::trim<scarce_object>();
  }
};

TEST_F(memory_of_the_platform, may_run_out_and_come_back) {
  scarce::exhausted = true;
  expect_make_fails_with<scarce_object>(make_failure::memory);
  scarce::exhausted = false;
  auto made = try_make<scarce_object>();
  EXPECT_TRUE(made);

  const std::size_t asked = scarce::allocations;
  scarce::exhausted = true;  // what was got before suffices for the next
  made = nullptr;
  made = try_make<scarce_object>();
  EXPECT_TRUE(made);
  EXPECT_EQ(scarce::allocations, asked);
}

// ---- levels ---------------------------------------------------------------------------------------

/// A size of block that no other test here uses, so that the pool knows none at first.
template <std::size_t Bytes>
struct sized {
  static constexpr auto teardown = context::any;
  std::byte bytes[Bytes];
};
template <std::size_t Bytes>
using pooled_object =
    trefoil::basic_staged<test_traits<trefoil::packed_counts<>, trefoil::pooled>, sized<Bytes>>;

struct levels_of_make : staged_test {};

TEST_F(levels_of_make, at_any_always_fails) {
  using object = pooled_object<1000>;
  make<object>().drop();  // there is memory at hand
  const context::scope here{context::any};
  expect_make_fails_with<object>(make_failure::memory);
}

TEST_F(levels_of_make, at_atomic_succeeds_from_memory_at_hand_only) {
  using object = pooled_object<1200>;
  {
    const context::scope here{context::atomic};
    expect_make_fails_with<object>(make_failure::memory);
  }
  make<object>().drop();
  const context::scope here{context::atomic};
  EXPECT_TRUE(try_make<object>());
}

TEST_F(levels_of_make, at_process_needs_nothing_at_hand) {
  EXPECT_TRUE(try_make<pooled_object<1400>>());
}

// ---- the backlog ----------------------------------------------------------------------------------

/// A reclaimer that admits what the test says.
struct choosy {
  static constexpr bool defers = true;
  static inline bool admits = true;
  static inline unsigned asked = 0;
  static void defer(trefoil::deferred<trefoil::threads>&) noexcept {}
  static bool admit() noexcept {
    ++asked;
    return admits;
  }
  static trefoil::reclaimer_counters counters() noexcept { return {}; }
};
struct choosy_traits : test_traits<trefoil::packed_counts<>> {
  using reclaimer = choosy;
};
struct needs_process {
  static constexpr auto teardown = context::process;
};
struct needs_nothing {
  static constexpr auto teardown = context::any;
};

struct backlog : staged_test {
  backlog() { choosy::asked = 0; }
  ~backlog() override { choosy::admits = true; }
};

TEST_F(backlog, at_its_limit_make_fails_and_takes_no_memory) {
  using object = trefoil::basic_staged<choosy_traits, needs_process>;
  choosy::admits = false;
  expect_make_fails_with<object>(make_failure::backlog);
  EXPECT_EQ(choosy::asked, 2U);
  choosy::admits = true;
  EXPECT_TRUE(try_make<object>());
}

TEST_F(backlog, concerns_level_process_only) {
  using object = trefoil::basic_staged<choosy_traits, needs_nothing, needs_process>;
  choosy::admits = false;
  trefoil::ref<object, needs_nothing> made;
  {
    const context::scope here{context::atomic};
    made = try_make<object>();
  }
  EXPECT_TRUE(made);
  EXPECT_EQ(choosy::asked, 0U);
}

TEST_F(backlog, concerns_objects_that_may_defer_only) {
  choosy::admits = false;
  EXPECT_TRUE((try_make<trefoil::basic_staged<choosy_traits, needs_nothing>>()));
  EXPECT_EQ(choosy::asked, 0U);
}

}  // namespace
