// SPDX-License-Identifier: Apache-2.0
/// @file
/// Durations by the million in bounded memory: exact up to 4095, and within 1/2048 beyond.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace trefoil::machine {

/// Not thread-safe. Memory: 16 KiB for each power of two from 4096 up to the largest value.
class histogram {
 public:
  void add(std::int64_t value) {
    const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    const std::size_t at = bucket(v);
    if (at >= buckets_.size()) buckets_.resize(at + 1);
    ++buckets_[at];
    ++count_;
    sum_ += v;
    max_ = std::max(max_, v);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

  /// The smallest value that at least `percent` % of all do not exceed; 0 of none. (nearest rank)
  [[nodiscard]] std::uint64_t percentile(unsigned percent) const noexcept {
    if (count_ == 0) return 0;
    const std::uint64_t rank = std::max<std::uint64_t>((count_ * percent + 99) / 100, 1);
    std::uint64_t seen = 0;
    for (std::size_t at = 0; at < buckets_.size(); ++at) {
      seen += buckets_[at];
      if (seen >= rank) return std::min(middle(at), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned fraction_bits = 11;
  static constexpr std::uint64_t half = std::uint64_t{1} << fraction_bits;

  // Below 2 * half every value has a bucket; each further power of two has `half` of them.
  static std::size_t bucket(std::uint64_t v) noexcept {
    if (v < 2 * half) return static_cast<std::size_t>(v);
    const unsigned shift = static_cast<unsigned>(std::bit_width(v)) - fraction_bits - 1;
    return static_cast<std::size_t>(shift * half + (v >> shift));
  }
  static std::uint64_t middle(std::size_t at) noexcept {
    if (at < 2 * half) return at;
    const std::uint64_t shift = at / half - 1;
    return ((at - shift * half) << shift) + (std::uint64_t{1} << shift) / 2;
  }

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace trefoil::machine
