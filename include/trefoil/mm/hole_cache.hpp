// SPDX-License-Identifier: Apache-2.0
/// @file
/// Where in an address space there is room: the highest hole that is large enough, from mmap_base
/// downwards, and if there is none, the lowest one above the bottom-up base.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "trefoil/mm/vma_tree.hpp"

namespace trefoil::mm {

/// Remembers how far down a search has come and how large the holes above are, so that the next one
/// goes on there and finds the same as one from the top would. Programs that map one thing after the
/// other search O(1); one that looks for a place larger than everything above walks there once.
/// (free_area_cache and cached_hole_size of Linux 2.6, made exact)
///
/// Invariant: a hole with its end above `from_` is at most `largest_above_` bytes.
///
/// mmap_lock for writing guards it.
template <class P>
class hole_cache {
 public:
  static constexpr std::uint64_t default_base = 0x7FFF'F7FF'F000;
  static constexpr std::uint64_t bottom_up_base = user_end / 3 / page_size * page_size;

  void set_base(std::uint64_t base) noexcept {
    base_ = from_ = base;
    largest_above_ = 0;
  }

  /// Start of the highest hole of `length` bytes below mmap_base, at its upper end; not below
  /// `lowest`. 0: none. (vm_unmapped_area, top-down)
  [[nodiscard]] std::uint64_t find_top_down(vma_tree<P>& tree, std::uint64_t length,
                                            std::uint64_t lowest) noexcept {
    if (length <= largest_above_) {
      from_ = base_;
      largest_above_ = 0;
    }
    std::uint64_t top = from_;
    typename vma_tree<P>::iterator above = tree.find(top);
    if (above != tree.end() && above->start < top) top = above->start;
    for (;;) {
      const std::uint64_t floor = std::max(tree.gap_floor(above), lowest);
      const std::uint64_t room = top > floor ? top - floor : 0;
      if (room >= length) {
        from_ = top;
        return top - length;
      }
      largest_above_ = std::max(largest_above_, room);
      if (above == tree.begin()) break;
      top = std::min(top, (--above)->start);
    }
    from_ = 0;  // all holes are known
    return 0;
  }

  /// The same upwards from the bottom-up base: what x86-64 falls back to. O(n).
  [[nodiscard]] std::uint64_t find_bottom_up(vma_tree<P>& tree, std::uint64_t length) noexcept {
    std::uint64_t at = bottom_up_base;
    for (typename vma_tree<P>::iterator v = tree.find(at);; ++v) {
      const std::uint64_t ceiling = tree.gap_ceiling(v);
      if (ceiling > at && ceiling - at >= length) return at;
      if (v == tree.end()) return 0;
      at = std::max(at, v->end);
    }
  }

  /// [floor, ceiling) is a hole now, from VMA to VMA.
  void appeared(std::uint64_t floor, std::uint64_t ceiling) noexcept {
    ceiling = std::min(ceiling, base_);
    if (ceiling > from_ && ceiling > floor) {
      largest_above_ = std::max(largest_above_, ceiling - floor);
    }
  }

 private:
  std::uint64_t base_ = default_base;
  std::uint64_t from_ = default_base;
  std::uint64_t largest_above_ = 0;
};

}  // namespace trefoil::mm
