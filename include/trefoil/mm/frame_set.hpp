// SPDX-License-Identifier: Apache-2.0
/// @file
/// A set of frames by number, of which the lowest comes out first.
///
/// Why not a list, last in, first out: after some forks and exits a list is in no order at all, and
/// memory that is cleared in no order takes twice as long as memory that is cleared upwards (the
/// processor's prefetchers follow it from page to page). In a set the order comes back by itself. What
/// was freed last, and may be in a cache, is not what is taken next; but memory in use stays together at
/// the low end, so what is taken next was not in use long ago. (Linux's buddy allocator joins
/// neighbours for the same reason, among others; its per-CPU lists are last in, first out.)
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace trefoil::mm {

/// Bits in levels: a bit of the lowest level is a frame; one of a higher level says that a word of the
/// level below is not zero. Not synchronised: its owner's lock is. Context: any, but for that.
class frame_set {
 public:
  using number = std::uint32_t;
  using word = std::uint64_t;
  static constexpr number bits = 64;

  /// Bytes that a set of numbers below `n` needs.
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t n) noexcept {
    std::size_t words = 0;
    do {
      n = words_for(n);
      words += n;
    } while (n > 1);
    return words * sizeof(word);
  }

  /// Empty. `room` is as large as bytes_for() says, aligned to a word, and only this one's. It is not
  /// touched yet.
  frame_set(std::byte* room, std::size_t n) noexcept {
    auto* at = reinterpret_cast<word*>(room);
    do {
      n = words_for(n);
      levels_[top_++] = at;
      at += n;
    } while (n > 1);
    --top_;
  }

  /// From now on numbers up to this one may be in the set. O(1), where they come one by one.
  void reach(number n) noexcept {
    for (; known_ <= n / bits; ++known_) {
      number which = known_;
      levels_[0][which] = 0;
      for (std::size_t level = 1; level <= top_ && which % bits == 0; ++level) {
        which /= bits;
        levels_[level][which] = 0;
      }
    }
  }

  [[nodiscard]] bool empty() const noexcept { return lowest_ == none; }

  /// Adds up to 64 numbers: the bits of `mask` are those from `which` * 64 on. They were
  /// reached, and none of them is in the set. O(levels), if the word was empty; else O(1).
  void add(number which, word mask) noexcept {
    lowest_ = std::min(lowest_, which);
    const word before = levels_[0][which];
    levels_[0][which] = before | mask;
    if (before == 0) mark(which);
  }

  /// The lowest number, which is not in the set any more. Precondition: not empty. O(1), and every 64
  /// times O(levels).
  [[nodiscard]] number take_lowest() noexcept {
    word& w = levels_[0][lowest_];
    const number taken = lowest_ * bits + static_cast<number>(std::countr_zero(w));
    w &= w - 1;
    if (w == 0) find_lowest();
    return taken;
  }

 private:
  [[nodiscard]] static constexpr std::size_t words_for(std::size_t n) noexcept {
    return (n + bits - 1) / bits;
  }
  [[nodiscard]] static constexpr word bit(number n) noexcept { return word{1} << (n % bits); }

  /// Word `which` of the lowest level is not zero any more.
  void mark(number which) noexcept {
    for (std::size_t level = 1; level <= top_; ++level) {
      word& above = levels_[level][which / bits];
      const word before = above;
      above |= bit(which);
      if (before != 0) return;
      which /= bits;
    }
  }
  /// The lowest word has become zero: says so above, and goes to the next.
  void find_lowest() noexcept {
    number which = lowest_;
    for (std::size_t level = 1; level <= top_; ++level) {
      word& above = levels_[level][which / bits];
      above &= ~bit(which);
      if (above != 0) break;
      which /= bits;
    }
    lowest_ = none;
    if (levels_[top_][0] == 0) return;
    lowest_ = 0;
    for (std::size_t level = top_; level != 0; --level) {
      lowest_ = lowest_ * bits + static_cast<number>(std::countr_zero(levels_[level][lowest_]));
    }
  }

  static constexpr number none = ~number{0};
  static constexpr std::size_t most_levels = 6;  // for 2^32 numbers

  std::array<word*, most_levels> levels_{};
  std::size_t top_ = 0;
  number known_ = 0;      // words of the lowest level that are in being, and those above them
  number lowest_ = none;  // the first word of the lowest level that is not zero
};

}  // namespace trefoil::mm
