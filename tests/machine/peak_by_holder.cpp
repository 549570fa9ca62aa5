// SPDX-License-Identifier: Apache-2.0
// Peaks that are known only afterwards, against counting at every instant.
#include "machine/peak_by_holder.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace trefoil::machine {

namespace {

struct ended {
  std::int64_t since;
  std::int64_t until;
  holder whose;
};

/// At every instant, whoever had one then and a moment later.
std::int64_t counted(const std::vector<ended>& all, holder whose, std::int64_t end) {
  std::int64_t most = 0;
  for (std::int64_t t = 0; t <= end; ++t) {
    std::int64_t n = 0;
    for (const ended& e : all) n += e.whose == whose && e.since <= t && t < e.until ? 1 : 0;
    most = std::max(most, n);
  }
  return most;
}

TEST(peak_by_holder, IsWhatCountingFinds) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    peak_by_holder peaks;
    std::deque<peak_by_holder::span> spans;
    std::vector<std::pair<peak_by_holder::span*, std::int64_t>> living;
    std::vector<ended> all;
    std::int64_t now = 0;
    const std::size_t births = 1 + random() % 5;  // of 8 steps
    for (int step = 0; step < 120; ++step) {
      if (random() % 8 < 3) now += random() % 3;
      if (living.empty() || random() % 8 < births) {
        peaks.begin(spans.emplace_back(), now);
        living.emplace_back(&spans.back(), now);
      } else {
        const std::size_t which = random() % living.size();
        const auto [span, since] = living[which];
        living.erase(living.begin() + static_cast<std::ptrdiff_t>(which));
        if (random() % 10 == 0) {
          peaks.forget(*span);
        } else {
          const auto whose = static_cast<holder>(random() % 3);
          peaks.end(*span, now, whose);
          all.push_back({since, now, whose});
        }
        EXPECT_FALSE(span->begun());
      }
      ASSERT_EQ(peaks.living(), static_cast<std::int64_t>(living.size()));
      for (unsigned h = 0; h < 4; ++h) {
        const auto whose = static_cast<holder>(h);
        ASSERT_EQ(peaks.of(whose), counted(all, whose, now)) << "seed " << seed << " step " << step;
      }
    }
  }
}

TEST(peak_by_holder, WhatLastsNoTimeIsNone) {
  peak_by_holder peaks;
  peak_by_holder::span s;
  peaks.begin(s, 7);
  peaks.end(s, 7, holder::oom_mm);
  EXPECT_EQ(peaks.of(holder::oom_mm), 0);
  peaks.begin(s, 7);
  peaks.end(s, 8, holder::oom_mm);
  EXPECT_EQ(peaks.of(holder::oom_mm), 1);
  EXPECT_EQ(peaks.of(holder::exit_mm), 0);
}

}  // namespace

}  // namespace trefoil::machine
