// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a thread knows: which steps of others happened before, and which stores it must not read
/// behind.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace trefoil::explorer {

inline constexpr unsigned most_threads = 10;

/// Steps of each thread, counted from one: happens-before as a vector clock.
struct clock_vector {
  std::array<std::uint32_t, most_threads> at{};

  void join(const clock_vector& other) noexcept {
    for (unsigned i = 0; i < most_threads; ++i) at[i] = std::max(at[i], other.at[i]);
  }
  /// Step `step` of `thread` happened before.
  [[nodiscard]] bool covers(unsigned thread, std::uint32_t step) const noexcept {
    return at[thread] >= step;
  }
  [[nodiscard]] bool covers(const clock_vector& other) const noexcept {
    for (unsigned i = 0; i < most_threads; ++i) {
      if (at[i] < other.at[i]) return false;
    }
    return true;
  }
};

/// For each atomic location, by number, the oldest store that may still be read.
struct view {
  std::vector<std::uint32_t> oldest;

  [[nodiscard]] std::uint32_t of(std::size_t location) const noexcept {
    return location < oldest.size() ? oldest[location] : 0;
  }
  [[nodiscard]] bool covers(const view& other) const noexcept {
    for (std::size_t i = 0; i < other.oldest.size(); ++i) {
      if (of(i) < other.oldest[i]) return false;
    }
    return true;
  }
  void raise(std::size_t location, std::uint32_t to) {
    if (location >= oldest.size()) oldest.resize(location + 1);
    oldest[location] = std::max(oldest[location], to);
  }
  void join(const view& other) {
    if (other.oldest.size() > oldest.size()) oldest.resize(other.oldest.size());
    for (std::size_t i = 0; i < other.oldest.size(); ++i) {
      oldest[i] = std::max(oldest[i], other.oldest[i]);
    }
  }
};

struct knowledge {
  clock_vector steps;
  view stores;

  [[nodiscard]] bool covers(const knowledge& other) const {
    return steps.covers(other.steps) && stores.covers(other.stores);
  }

  void join(const knowledge& other) {
    steps.join(other.steps);
    stores.join(other.stores);
  }
};

}  // namespace trefoil::explorer
