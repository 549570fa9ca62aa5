// SPDX-License-Identifier: Apache-2.0
// Percentiles against a sorted vector, within the bound that the histogram promises.
#include "machine/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using trefoil::machine::histogram;

[[nodiscard]] std::uint64_t nearest_rank(std::vector<std::int64_t> values, unsigned percent) {
  std::sort(values.begin(), values.end());
  // The smallest value such that at least `percent` % of all are not greater.
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((i + 1) * 100 >= percent * values.size()) return static_cast<std::uint64_t>(values[i]);
  }
  return static_cast<std::uint64_t>(values.back());
}

TEST(histogram_test, OfNoneEverythingIsZero) {
  const histogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.max(), 0U);
  EXPECT_EQ(none.sum(), 0U);
  for (const unsigned p : {0U, 1U, 50U, 99U, 100U}) EXPECT_EQ(none.percentile(p), 0U);
}

TEST(histogram_test, EveryValueBelow4096IsExact) {
  for (std::int64_t v = 0; v < 4096; ++v) {
    histogram h;
    h.add(v);
    h.add(100'000'000);  // so that the maximum does not help
    ASSERT_EQ(h.percentile(50), static_cast<std::uint64_t>(v));
  }
}

TEST(histogram_test, BeyondTheErrorIsWithinOne2048thPart) {
  std::vector<std::int64_t> values{std::numeric_limits<std::int64_t>::max() / 2};
  for (int bit = 12; bit < 44; ++bit) {
    const std::int64_t power = std::int64_t{1} << bit;
    for (const std::int64_t v : {power - 1, power, power + 1, power + power / 3})
      values.push_back(v);
  }
  for (const std::int64_t v : values) {
    histogram h;
    h.add(v);
    h.add(std::numeric_limits<std::int64_t>::max());
    const std::uint64_t exact = static_cast<std::uint64_t>(v);
    const std::uint64_t told = h.percentile(50);
    const std::uint64_t error = told > exact ? told - exact : exact - told;
    ASSERT_LE(error, exact / 2048) << v;
  }
}

TEST(histogram_test, TheGreatestIsTheMaximumExactly) {
  for (const std::int64_t v :
       {std::int64_t{4097}, std::int64_t{123'456'789}, std::numeric_limits<std::int64_t>::max()}) {
    histogram h;
    h.add(1);
    h.add(v);
    EXPECT_EQ(h.max(), static_cast<std::uint64_t>(v));
    EXPECT_LE(h.percentile(100), h.max());
  }
}

TEST(histogram_test, NegativeCountsAsZero) {
  histogram h;
  h.add(-5);
  EXPECT_EQ(h.count(), 1U);
  EXPECT_EQ(h.sum(), 0U);
  EXPECT_EQ(h.percentile(100), 0U);
}

TEST(histogram_test, PercentilesAreThoseOfASortedVector) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> values(1 + random() % 300);
    const bool small = seed % 2 == 0;
    for (std::int64_t& v : values) {
      v = static_cast<std::int64_t>(small ? random() % 4096 : random() >> (20 + random() % 40));
    }
    histogram h;
    for (const std::int64_t v : values) h.add(v);
    EXPECT_EQ(h.count(), values.size());
    EXPECT_EQ(h.sum(), std::accumulate(values.begin(), values.end(), std::uint64_t{0},
                                       [](std::uint64_t sum, std::int64_t v) {
                                         return sum + static_cast<std::uint64_t>(v);
                                       }));
    for (unsigned p = 0; p <= 100; ++p) {
      const std::uint64_t exact = nearest_rank(values, p);
      const std::uint64_t told = h.percentile(p);
      const std::uint64_t error = told > exact ? told - exact : exact - told;
      if (exact < 4096) {
        ASSERT_EQ(told, exact) << p << " %";
      } else {
        ASSERT_LE(error, exact / 2048) << p << " %";
      }
    }
  }
}

}  // namespace
