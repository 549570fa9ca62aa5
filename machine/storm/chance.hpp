// SPDX-License-Identifier: Apache-2.0
/// @file
/// Choices that a seed decides.
#pragma once

#include <cstdint>
#include <random>

namespace trefoil::machine {

/// For one thread at a time. The same seed makes the same choices.
class chance {
 public:
  explicit chance(std::uint64_t seed) noexcept
      // multiplied, since neighbouring seeds of a linear generator begin alike
      : generator_(static_cast<std::uint_fast32_t>((seed + 1) * 0x9E3779B97F4A7C15U >> 32)) {}

  /// 0 to limit - 1, each as likely as the others but for a part in 2^31 / limit.
  [[nodiscard]] std::uint32_t below(std::uint32_t limit) noexcept {
    return static_cast<std::uint32_t>(generator_() - std::minstd_rand::min()) % limit;
  }
  [[nodiscard]] bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }

 private:
  std::minstd_rand generator_;
};

}  // namespace trefoil::machine
