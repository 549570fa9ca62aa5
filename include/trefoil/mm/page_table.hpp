// SPDX-License-Identifier: Apache-2.0
/// @file
/// x86-64 page tables of four levels, as the hardware walks them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/kernel.hpp"

namespace trefoil::mm {

/// Bits of an entry (Intel SDM vol. 3A, 4.5).
namespace entry_bit {
inline constexpr std::uint64_t present = 1U << 0;
inline constexpr std::uint64_t writable = 1U << 1;
inline constexpr std::uint64_t user = 1U << 2;
inline constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
}  // namespace entry_bit

inline constexpr std::uint64_t entry_address = 0x000F'FFFF'FFFF'F000;

/// Levels are numbered as in Linux: 4 the page directory (pgd), 1 the table of pages (pte).
inline constexpr int top_level = 4;

[[nodiscard]] constexpr std::size_t table_index(std::uint64_t address, int level) noexcept {
  return (address >> (page_shift + 9 * static_cast<std::size_t>(level - 1))) & (table_entries - 1);
}

/// The entry that maps the page at `address`, tables on the way made as needed; null if there is no
/// frame for one (what was made stays, and goes with free_tables()).
template <class P>
[[nodiscard]] std::uint64_t* entry_for(frame_allocator<P>& frames, std::uint64_t* top,
                                       std::uint64_t address) noexcept {
  std::uint64_t* table = top;
  for (int level = top_level; level > 1; --level) {
    std::uint64_t& entry = table[table_index(address, level)];
    if ((entry & entry_bit::present) == 0) {
      const physical below = frames.allocate();
      if (below == physical{0}) return nullptr;
      // Permissions are those of the last level; the levels above allow everything.
      entry = static_cast<std::uint64_t>(below) | entry_bit::present | entry_bit::writable |
              entry_bit::user;
    }
    table = frames.table(physical{entry & entry_address});
  }
  return &table[table_index(address, 1)];
}

/// Bytes of address space behind one entry of a table of that level.
[[nodiscard]] constexpr std::uint64_t span_of_entry(int level) noexcept {
  return std::uint64_t{page_size} << (9 * static_cast<unsigned>(level - 1));
}

/// Calls f(entry) for each present entry, of the tables of `level`, that maps some of [start, end).
/// `table` is one of level `here`, which maps `base` and what follows.
template <class P, class F>
void for_each_entry(frame_allocator<P>& frames, std::uint64_t* table, int here, std::uint64_t base,
                    int level, std::uint64_t start, std::uint64_t end, F&& f) noexcept {
  const std::uint64_t span = span_of_entry(here);
  const std::uint64_t table_end = base + span * table_entries;
  std::uint64_t at = base + (start > base ? (start - base) / span * span : 0);
  for (; at < end && at < table_end; at += span) {
    std::uint64_t* const entry = table + table_index(at, here);
    if ((*entry & entry_bit::present) == 0) continue;
    if (here == level) {
      f(*entry);
    } else {
      for_each_entry(frames, frames.table(physical{*entry & entry_address}), here - 1, at, level,
                     start, end, f);
    }
  }
}

/// Takes the pages of [start, end) out of the tables and frees them. (unmap_page_range)
template <class P>
void free_pages(frame_allocator<P>& frames, std::uint64_t* top, std::uint64_t start,
                std::uint64_t end) noexcept {
  for_each_entry(frames, top, top_level, 0, 1, start, end, [&](std::uint64_t& entry) {
    frames.free(physical{std::exchange(entry, 0) & entry_address});
  });
}

/// Frees the tables of `level` that map some of [start, end). Precondition: they are empty, as is
/// everything else that they map. From level 1 upwards for all ranges, the page directory is empty in
/// the end. (free_pgtables)
template <class P>
void free_tables(frame_allocator<P>& frames, std::uint64_t* top, int level, std::uint64_t start,
                 std::uint64_t end) noexcept {
  for_each_entry(frames, top, top_level, 0, level + 1, start, end, [&](std::uint64_t& entry) {
    frames.free_zeroed(physical{std::exchange(entry, 0) & entry_address});
  });
}

}  // namespace trefoil::mm
