// SPDX-License-Identifier: Apache-2.0
// The freestanding unit, run where there is an operating system to report the result.
#include "unit/own_platform.hpp"

#include <gtest/gtest.h>

TEST(freestanding, packed_counts) { EXPECT_EQ(bare::live_and_die<bare::traits>(), 12); }
TEST(freestanding, wide_counts) { EXPECT_EQ(bare::live_and_die<bare::wide_traits>(), 12); }
TEST(freestanding, findable) { EXPECT_EQ(bare::find_and_lose(), 0); }
TEST(freestanding, inline_only) { EXPECT_EQ(bare::promptly(), 0); }

TEST(freestanding, misuse_goes_to_the_platform) {
  using mm = bare::address_space<bare::traits>;
  auto made = trefoil::try_make<mm>(1);
  auto bare_reference = made.share<bare::identity>();
  void* const raw = static_cast<trefoil::ref<mm>&&>(bare_reference).detach();
  trefoil::ref<mm>::adopt(raw).drop();
  made.drop();
  bare::reclaimer::poll();
  auto other = trefoil::try_make<mm>(2);
  EXPECT_EQ(bare::misuses, 0U);
  void* const user = static_cast<trefoil::ref<mm, bare::mappings>&&>(other).detach();
  auto kept = trefoil::ref<mm, bare::mappings>::adopt(user).share<bare::identity>();
  trefoil::ref<mm, bare::mappings>::adopt(user).drop();  // once too often
  EXPECT_EQ(bare::misuses, 1U);
}
