// SPDX-License-Identifier: Apache-2.0
// A constructor gives a reference to an inner tier to another thread, which works with it while the
// outer tier is still being built; a destructor does, while it is being torn down.
#include "race.hpp"
#include "staged_test.hpp"

#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::ref_from_tier;
namespace context = trefoil::context;

template <class Counts>
struct inner;
template <class Counts>
struct outer;
template <class Counts>
using object =
    trefoil::basic_staged<test_traits<Counts, trefoil::pooled>, outer<Counts>, inner<Counts>>;

std::atomic<unsigned> inner_torn{0};
std::atomic<unsigned> outer_torn{0};

/// Where one thread leaves a reference for the other, once a round.
template <class Counts>
struct hand_over {
  static inline ref<object<Counts>, inner<Counts>> left;
  static inline std::atomic<bool> ready{false};

  static void give(ref<object<Counts>, inner<Counts>> r) {
    left = std::move(r);
    ready.store(true, std::memory_order_release);
  }
  static ref<object<Counts>, inner<Counts>> await() {
    while (!ready.load(std::memory_order_acquire)) std::this_thread::yield();
    ready.store(false, std::memory_order_relaxed);
    return std::move(left);
  }
};

enum class moment { construction, teardown };
moment when = moment::construction;

template <class Counts>
struct inner {
  static constexpr auto teardown = context::any;
  inner() = default;
  inner(const inner&) = delete;
  inner& operator=(const inner&) = delete;
  ~inner() { inner_torn.fetch_add(1); }
};

template <class Counts>
struct outer {
  static constexpr auto teardown = context::any;
  explicit outer(inner<Counts>& i) : in(&i) {
    if (when == moment::construction) {
      hand_over<Counts>::give(ref_from_tier<object<Counts>>(i));
      // Some time under construction, for the other thread to look.
      for (int n = 0; n < 50; ++n) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    complete = true;
  }
  outer(const outer&) = delete;
  outer& operator=(const outer&) = delete;
  ~outer() {
    if (when == moment::teardown) hand_over<Counts>::give(ref_from_tier<object<Counts>>(*in));
    complete = false;
    outer_torn.fetch_add(1);
  }
  inner<Counts>* in;
  bool complete = false;
};

constexpr std::size_t rounds = 2000;

template <class>
struct minting_race : staged_test {};
using kinds =
    ::testing::Types<trefoil::packed_counts<>, trefoil::packed_counts<8, 8>, trefoil::wide_counts>;
TYPED_TEST_SUITE(minting_race, kinds);

TYPED_TEST(minting_race, promote_succeeds_only_when_the_outer_tier_is_constructed) {
  std::atomic<unsigned> incomplete{0};
  race{.prepare =
           [] {
             when = moment::construction;
             inner_torn = outer_torn = 0;
           },
       .left = [] { make<object<TypeParam>>().drop(); },
       .right =
           [&] {
             auto bare = hand_over<TypeParam>::await();
             for (int tries = 0; tries < 100; ++tries) {
               if (auto whole = bare.template promote<outer<TypeParam>>()) {
                 if (!whole->complete) incomplete.fetch_add(1);
               }
             }
           },
       .check =
           [] {
             EXPECT_EQ(outer_torn.load(), 1U);
             EXPECT_EQ(inner_torn.load(), 1U);
           }}
      .run(rounds);
  EXPECT_EQ(incomplete.load(), 0U);
}

TYPED_TEST(minting_race, a_reference_from_a_teardown_never_leads_back) {
  std::atomic<unsigned> came_back{0};
  race{.prepare =
           [] {
             when = moment::teardown;
             inner_torn = outer_torn = 0;
           },
       .left = [] { make<object<TypeParam>>().drop(); },
       .right =
           [&] {
             auto bare = hand_over<TypeParam>::await();
             auto more = bare;
             if (bare.template promote<outer<TypeParam>>()) came_back.fetch_add(1);
             bare.drop();
             if (more.template promote<outer<TypeParam>>()) came_back.fetch_add(1);
           },
       .check =
           [] {
             EXPECT_EQ(outer_torn.load(), 1U);
             EXPECT_EQ(inner_torn.load(), 1U);
           }}
      .run(rounds);
  EXPECT_EQ(came_back.load(), 0U);
}

}  // namespace
