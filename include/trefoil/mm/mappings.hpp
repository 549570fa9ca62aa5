// SPDX-License-Identifier: Apache-2.0
/// @file
/// The outermost tier of an address space: what is mapped where, and the page tables for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "trefoil/context.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/page_directory.hpp"
#include "trefoil/mm/page_table.hpp"

namespace trefoil::mm {

/// The first address that is not user space's.
inline constexpr std::uint64_t user_end = std::uint64_t{1} << 47;

/// A range of addresses with one set of permissions. Multiples of page_size; `end` is the first
/// address behind it.
struct vma {
  std::uint64_t start;
  std::uint64_t end;
  bool writable;
  bool executable;
};

/// The address space as its users see it.
///
/// Teardown: at level `process`: it may sleep on locks and takes as long as there is memory to give
/// back. Pages and page tables go; the page directory's own frame stays, empty in its user half,
/// for CPUs that have it loaded. (exit_mmap)
///
/// Not thread-safe by itself: its users agree on who changes it. (mmap_lock)
template <class P>
class mappings {
 public:
  static constexpr auto teardown = context::process;

  mappings(page_directory<P>& pgd, identity<P>& owner) noexcept : pgd_(pgd), owner_(owner) {
    owner_.machine().ledger().mappings_born(owner_.note());
  }
  ~mappings() {
    frame_allocator<P>& frames = owner_.machine().frames();
    for (const vma& v : vmas_) free_pages(frames, pgd_.entries(), v.start, v.end);
    for (int level = 1; level < top_level; ++level) {
      for (const vma& v : vmas_) free_tables(frames, pgd_.entries(), level, v.start, v.end);
    }
    owner_.machine().ledger().mappings_gone(owner_.note());
  }
  mappings(const mappings&) = delete;
  mappings& operator=(const mappings&) = delete;

  /// Adds a range. False, and nothing changed: it is empty, unaligned, beyond user space, or overlaps
  /// another, or there is no memory for the entry.
  [[nodiscard]] bool map(const vma& range) noexcept {
    const bool well_formed = range.start < range.end && range.end <= user_end &&
                             (range.start | range.end) % page_size == 0;
    if (!well_formed) return false;
    const auto after = first_ending_after(range.start);
    if (after != vmas_.end() && after->start < range.end) return false;
#if defined(__cpp_exceptions)
    try {
      vmas_.insert(after, range);
    } catch (const std::bad_alloc&) { return false; }
#else
    vmas_.insert(after, range);
#endif
    return true;
  }

  /// Makes the page at `address` present, zeroed; a page that is present stays. False: no vma there,
  /// or no frame. (handle_mm_fault, in outline)
  [[nodiscard]] bool fault(std::uint64_t address) noexcept {
    const auto range = first_ending_after(address);
    if (range == vmas_.end() || address < range->start) return false;
    frame_allocator<P>& frames = owner_.machine().frames();
    std::uint64_t* const entry = entry_for(frames, pgd_.entries(), address);
    if (entry == nullptr) return false;
    if ((*entry & entry_bit::present) != 0) return true;
    const physical page = frames.allocate();
    if (page == physical{0}) return false;
    *entry = static_cast<std::uint64_t>(page) | entry_bit::present | entry_bit::user |
             (range->writable ? entry_bit::writable : 0) |
             (range->executable ? 0 : entry_bit::no_execute);
    return true;
  }

  [[nodiscard]] const std::vector<vma>& vmas() const noexcept { return vmas_; }

 private:
  [[nodiscard]] auto first_ending_after(std::uint64_t address) const noexcept {
    return std::upper_bound(vmas_.begin(), vmas_.end(), address,
                            [](std::uint64_t a, const vma& v) { return a < v.end; });
  }

  page_directory<P>& pgd_;
  identity<P>& owner_;
  std::vector<vma> vmas_;  // by start, without overlaps
};

}  // namespace trefoil::mm
