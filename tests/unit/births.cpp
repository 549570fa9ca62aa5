// SPDX-License-Identifier: Apache-2.0
// How an object begins: closed while a constructor might look; at once open where none can.
#include "staged_test.hpp"

#include <trefoil/construction.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <new>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::ref_from_tier;
namespace context = trefoil::context;
namespace detail = trefoil::detail;

// ---- what a constant is ----------------------------------------------------------------------------

int number_that_is_known_at_run_time() noexcept { return 7; }

struct empty {};
struct aggregate {
  int number = 7;
};
struct by_constexpr_constructor {
  constexpr by_constexpr_constructor() : me(this) {}
  by_constexpr_constructor* me;
};
static_assert(detail::constant<empty> && detail::constant<aggregate> &&
              detail::constant<by_constexpr_constructor>);

struct by_constructor {
  by_constructor() {}  // NOLINT: it could do anything
};
struct by_initialiser {
  int number = number_that_is_known_at_run_time();
};
struct with_argument {
  constexpr explicit with_argument(int) {}
};
struct by_memory {
  int* number = new int(7);
};
struct with_destructor {
  ~with_destructor() { static_cast<void>(number_that_is_known_at_run_time()); }
};
class not_for_others {
  constexpr not_for_others() = default;
};
static_assert(!detail::constant<by_constructor> && !detail::constant<by_initialiser> &&
              !detail::constant<with_argument> && !detail::constant<by_memory> &&
              !detail::constant<with_destructor> && !detail::constant<not_for_others>);

// ---- who looks -------------------------------------------------------------------------------------

/// Inside a tier that is built and torn down without a trace.
template <class Counts, template <class> class Looker>
struct around {
  static constexpr auto teardown = context::process;
  long number = 1;
};
template <class Counts, template <class> class Looker>
using looked_at =
    trefoil::basic_staged<test_traits<Counts>, around<Counts, Looker>, Looker<Counts>>;

/// From inside T, which is being built: the tier outside must not be had.
template <class Counts, template <class> class Looker>
bool finds_the_tier_outside(Looker<Counts>& here) noexcept {
  using object = looked_at<Counts, Looker>;
  const ref<object, Looker<Counts>> mine = ref_from_tier<object>(here);
  return mine && mine.template promote<around<Counts, Looker>>();
}

template <class Counts>
struct in_its_constructor {
  static constexpr auto teardown = context::any;
  in_its_constructor() : found(finds_the_tier_outside<Counts>(*this)) {}
  bool found;
};
template <class Counts>
struct in_an_initialiser {
  static constexpr auto teardown = context::any;
  bool found = finds_the_tier_outside<Counts>(*this);
};
template <class Counts>
struct in_its_init {
  static constexpr auto teardown = context::any;
  bool found = true;
  static bool init(in_its_init& me) noexcept {
    me.found = finds_the_tier_outside<Counts>(me);
    return true;
  }
};
/// A constant without arguments, and not with them.
template <class Counts>
struct with_arguments {
  static constexpr auto teardown = context::any;
  constexpr with_arguments() = default;
  explicit with_arguments(int) : found(finds_the_tier_outside<Counts>(*this)) {}
  bool found = true;
};

template <class Counts>
class births : public staged_test {};
using kinds =
    ::testing::Types<trefoil::packed_counts<>, trefoil::wide_counts, trefoil::padded_counts>;
TYPED_TEST_SUITE(births, kinds);

/// The constructor has seen no tier outside, and both are there when all are built.
template <template <class> class Looker, class Counts, class... Args>
void nothing_is_found(Args... args) {
  using object = looked_at<Counts, Looker>;
  ref<object> bare;
  {
    const auto all = make<object>(args...);
    EXPECT_FALSE(all.template at<Looker<Counts>>().found);
    bare = all.template share<Looker<Counts>>();
    EXPECT_TRUE((bare.template promote<around<Counts, Looker>>()));
  }
  EXPECT_FALSE((bare.template promote<around<Counts, Looker>>()));
  EXPECT_EQ(bare.use_count(), 1U);
}

TYPED_TEST(births, are_closed_to_a_constructor) {
  nothing_is_found<in_its_constructor, TypeParam>();
}
TYPED_TEST(births, are_closed_to_an_initialiser) {
  nothing_is_found<in_an_initialiser, TypeParam>();
}
TYPED_TEST(births, are_closed_to_an_init) { nothing_is_found<in_its_init, TypeParam>(); }
TYPED_TEST(births, are_closed_to_a_constructor_with_arguments) {
  nothing_is_found<with_arguments, TypeParam>(3);
}

/// Constant by itself, but it takes the tier inside, and that looks out of it.
template <class Counts>
struct taken {
  static constexpr auto teardown = context::any;
  long number = 1;
};
template <class Counts>
struct taker {
  static constexpr auto teardown = context::any;
  constexpr taker() = default;
  explicit taker(taken<Counts>& inside) noexcept {
    using object = trefoil::basic_staged<test_traits<Counts>, taker, taken<Counts>>;
    const ref<object, taken<Counts>> held = ref_from_tier<object>(inside);
    found = held && held.template promote<taker>();
  }
  bool found = true;
};
TYPED_TEST(births, are_closed_to_a_constructor_that_takes_the_tier_inside) {
  using object = trefoil::basic_staged<test_traits<TypeParam>, taker<TypeParam>, taken<TypeParam>>;
  EXPECT_FALSE(make<object>()->found);
}

// ---- nobody looks ----------------------------------------------------------------------------------

struct mappings {
  static constexpr auto teardown = context::process;
  long number = 1;
};
struct page_directory {
  static constexpr auto teardown = context::atomic;
  long number = 2;
};
struct identity {
  static constexpr auto teardown = context::any;
  long number = 3;
};
template <class Counts>
using quiet = trefoil::basic_staged<test_traits<Counts>, mappings, page_directory, identity>;

TYPED_TEST(births, of_constants_give_one_reference) {
  using object = quiet<TypeParam>;
  const ref<object, mappings> all = make<object>();
  EXPECT_EQ(all.use_count(), 1U);
  EXPECT_EQ(all->number, 1);
  EXPECT_EQ(all.template at<page_directory>().number, 2);
  EXPECT_EQ(all.template at<identity>().number, 3);
  const auto bare = all.template share<identity>();
  EXPECT_EQ(bare.use_count(), 2U);  // with the collective one
  EXPECT_TRUE(bare.template promote<mappings>());
}

TYPED_TEST(births, of_constants_end_tier_by_tier) {
  using object = quiet<TypeParam>;
  auto all = make<object>();
  const auto bare = all.template share<identity>();
  auto lazy = std::move(all).template demote<page_directory>();
  EXPECT_FALSE(bare.template promote<mappings>());
  EXPECT_TRUE(bare.template promote<page_directory>());
  lazy.drop();
  EXPECT_FALSE(bare.template promote<page_directory>());
  EXPECT_EQ(bare->number, 3);
}

/// Its node has been queued before: the end is the same.
TYPED_TEST(births, of_constants_end_after_a_deferral) {
  using object = quiet<TypeParam>;
  auto all = make<object>();
  auto bare = all.template share<identity>();
  {
    const context::scope interrupt(context::any);
    all.drop();
  }
  EXPECT_EQ(hand_polled::counters().pending, 1U);
  hand_polled::poll();
  EXPECT_FALSE(bare.template promote<mappings>());
  const std::size_t before = counted_storage::blocks();
  bare.drop();
  EXPECT_EQ(counted_storage::blocks(), before - 1);
}

/// One block of memory, in which a static object was before.
struct second_hand {
  template <class P, std::size_t Size, std::size_t, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    static_assert(Size <= 512 && !Blocks::type_stable);
    static void* allocate(context::level) noexcept { return room; }
    static void release(void*, context::level) noexcept { ++released; }
    static std::size_t trim() noexcept { return 0; }
  };
  alignas(64) static inline std::byte room[512];
  static inline int released = 0;
};
TYPED_TEST(births, take_nothing_over_from_a_static_object) {
  using object = trefoil::basic_staged<test_traits<TypeParam, second_hand>, mappings,
                                       page_directory, identity>;
  const int before = second_hand::released;
  auto* const it = ::new (static_cast<void*>(second_hand::room)) trefoil::static_object<object>;
  asm volatile("" : : "r"(it) : "memory");  // it is really written
  make<object>().drop();
  EXPECT_EQ(second_hand::released, before + 1);
}

/// A static object's last reference is its own, whatever its tiers are.
TYPED_TEST(births, of_static_constants_refuse_one_drop_too_many) {
  using object = quiet<TypeParam>;
  trefoil::static_object<object> it;
  ref<object, mappings>::adopt(it.get().address()).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{trefoil::misuse::static_last_drop, 1}}));
  EXPECT_EQ(it.get().use_count(), 2U);
  EXPECT_EQ(it.get()->number, 1);
}

}  // namespace
