// SPDX-License-Identifier: Apache-2.0
// Big blocks: each from the platform by itself, and back at once where that is allowed.
#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "counted_memory.hpp"

namespace {

namespace context = trefoil::context;
using context::any;
using context::atomic;
using context::process;
using test::counted_memory;

template <class P, std::size_t Size>
using pool_of = trefoil::pooled::source<P, Size, 16>;

struct one_by_one;

TEST(big_pool, takes_one_by_one_and_gives_back_at_once) {
  using P = counted_memory<one_by_one>;
  using pool = pool_of<P, 65536>;
  std::vector<void*> all;
  for (int i = 1; i <= 10; ++i) {
    all.push_back(pool::allocate(process));
    EXPECT_EQ(P::pieces, i);
    EXPECT_EQ(pool::bytes_reserved(), static_cast<std::size_t>(i) * 65536);
  }
  EXPECT_EQ(pool::figures().living, 10U);
  for (void* const block : all) pool::release(block, process);
  EXPECT_EQ(P::pieces, 0);
  EXPECT_EQ(pool::bytes_reserved(), 0U);
}

struct the_edge;

TEST(big_pool, begins_at_64_KiB) {
  using P = counted_memory<the_edge>;
  void* const small = pool_of<P, 65520>::allocate(process);
  EXPECT_GT((pool_of<P, 65520>::bytes_reserved()), 100'000U);  // a slab
  void* const big = pool_of<P, 65521>::allocate(process);      // in steps of 16
  EXPECT_EQ((pool_of<P, 65521>::bytes_reserved()), 65536U);
  pool_of<P, 65520>::release(small, process);
  pool_of<P, 65521>::release(big, process);
  pool_of<P, 65520>::trim();
  EXPECT_EQ(P::pieces, 0);
}

struct dropped_low;

TEST(big_pool, what_is_dropped_low_goes_with_the_next_operation_at_process) {
  using P = counted_memory<dropped_low>;
  using pool = pool_of<P, 100'000>;
  const auto make = [](int n) {
    std::vector<void*> blocks;
    for (int i = 0; i < n; ++i) blocks.push_back(pool::allocate(process));
    return blocks;
  };
  for (const context::level low : {any, atomic}) {
    // ... a release
    std::vector<void*> all = make(10);
    for (std::size_t i = 1; i < 10; ++i) pool::release(all[i], low);
    EXPECT_EQ(P::pieces, 10);
    pool::release(all[0], process);
    EXPECT_EQ(P::pieces, 0);
    // ... an allocation, which uses one of them
    all = make(10);
    for (void* const block : all) pool::release(block, low);
    void* const again = pool::allocate(process);
    EXPECT_EQ(P::pieces, 1);
    EXPECT_EQ(pool::figures().living, 1U);
    // ... trim
    pool::release(again, low);
    EXPECT_EQ(pool::trim(), pool::figures().block_bytes);
    EXPECT_EQ(P::pieces, 0);
  }
  EXPECT_EQ(P::too_low, 0);
}

struct dropped_twice;

TEST(big_pool, what_is_dropped_meanwhile_waits_beside_what_waits) {
  using P = counted_memory<dropped_twice>;
  using pool = pool_of<P, 65536>;
  std::vector<void*> all;
  for (int i = 0; i < 6; ++i) all.push_back(pool::allocate(process));
  for (std::size_t i = 0; i < 3; ++i) pool::release(all[i], any);
  void* const again = pool::allocate(atomic);
  ASSERT_NE(again, nullptr);
  for (std::size_t i = 3; i < 6; ++i) pool::release(all[i], any);
  EXPECT_EQ(pool::figures().shared, 5U);
  pool::release(again, process);
  EXPECT_EQ(pool::bytes_reserved(), 0U);
  EXPECT_EQ(P::pieces, 0);
}

struct levels;

TEST(big_pool, below_process_only_what_is_at_hand) {
  using P = counted_memory<levels>;
  using pool = pool_of<P, 100'000>;
  EXPECT_EQ(pool::allocate(atomic), nullptr);
  EXPECT_EQ(pool::allocate(any), nullptr);
  void* const block = pool::allocate(process);
  pool::release(block, any);
  EXPECT_EQ(pool::allocate(any), nullptr);
  EXPECT_EQ(pool::allocate(atomic), block);
  EXPECT_EQ(pool::allocate(atomic), nullptr);
  pool::release(block, process);
  EXPECT_EQ(P::pieces, 0);
}

struct poor;

TEST(big_pool, without_memory_it_gives_null) {
  using P = counted_memory<poor>;
  using pool = pool_of<P, 100'000>;
  P::left = 1;
  void* const block = pool::allocate(process);
  EXPECT_NE(block, nullptr);
  EXPECT_EQ(pool::allocate(process), nullptr);
  EXPECT_EQ(pool::bytes_reserved(), 100'000U);
  pool::release(block, process);
}

// ---- objects -------------------------------------------------------------------------------------

template <class P, bool Findable>
struct traits : trefoil::default_traits {
  using platform = P;
  using reclaimer = trefoil::inline_only;
  static constexpr bool findable = Findable;
};
struct wide {
  static constexpr auto teardown = any;
  std::byte room[200'000];
  wide() {}  // NOLINT(modernize-use-equals-default): the room stays as it is
};
struct outside : wide {
  static constexpr auto placement = trefoil::placement::outside;
};
struct head {
  static constexpr auto teardown = any;
};

struct found;

TEST(big_pool, findable_objects_stay_until_trim) {
  using P = counted_memory<found>;
  using T = trefoil::basic_staged<traits<P, true>, wide>;
  auto r = trefoil::try_make<T>();
  ASSERT_TRUE(r);
  T* const stale = r.address();
  r.drop();
  EXPECT_EQ(P::pieces, 1);
  EXPECT_FALSE((trefoil::try_acquire<wide>(stale)));  // a finder may still look
  EXPECT_EQ(trefoil::try_make<T>().address(), stale);
  EXPECT_EQ(P::pieces, 1);
  EXPECT_GT(trefoil::trim<T>(), 200'000U);
  EXPECT_EQ(P::pieces, 0);
}

struct with_outside;

TEST(big_pool, trim_of_an_object_reaches_its_tiers_outside) {
  using P = counted_memory<with_outside>;
  using T = trefoil::basic_staged<traits<P, false>, outside, head>;
  {
    std::vector<trefoil::ref<T, outside>> all;
    for (int i = 0; i < 10; ++i) all.push_back(trefoil::try_make<T>());
    EXPECT_EQ((trefoil::memory_figures<T, outside>().living), 10U);
    EXPECT_EQ(trefoil::memory_figures<T>().living, 10U);
    const context::basic_scope<P> here(any);
    all.clear();
  }
  EXPECT_EQ(P::pieces, 11);
  EXPECT_GT(trefoil::trim<T>(), 2'000'000U);
  EXPECT_EQ(P::pieces, 0);
}

}  // namespace
