// SPDX-License-Identifier: Apache-2.0
/// @file
/// x86-64 page tables of four levels, as the hardware walks them.
///
/// Who calls these sees to it that nobody else changes the same tables: by mmap_lock for writing, or
/// by mmap_lock for reading and the page_table lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/mm/frame_allocator.hpp"

namespace trefoil::mm {

/// Bits of an entry (Intel SDM vol. 3A, 4.5).
namespace entry_bit {
inline constexpr std::uint64_t present = 1U << 0;
inline constexpr std::uint64_t writable = 1U << 1;
inline constexpr std::uint64_t user = 1U << 2;
/// The processor ignores all other bits of an entry that is not present. One that has this bit
/// instead keeps its page, which nobody may touch (PROT_NONE). (_PAGE_PROTNONE)
inline constexpr std::uint64_t no_access = 1U << 8;
inline constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
}  // namespace entry_bit

inline constexpr std::uint64_t entry_address = 0x000F'FFFF'FFFF'F000;

/// The frame behind an entry that is not empty.
[[nodiscard]] constexpr physical frame_of(std::uint64_t entry) noexcept {
  return physical{entry & entry_address};
}

/// Levels are numbered as in Linux: 4 the page directory (pgd), 1 the table of pages (pte).
inline constexpr int top_level = 4;

[[nodiscard]] constexpr std::size_t table_index(std::uint64_t address, int level) noexcept {
  return (address >> (page_shift + 9 * static_cast<std::size_t>(level - 1))) & (table_entries - 1);
}

/// Bytes of address space behind one entry of a table of that level.
[[nodiscard]] constexpr std::uint64_t span_of_entry(int level) noexcept {
  return std::uint64_t{page_size} << (9 * static_cast<unsigned>(level - 1));
}

/// The entry for the page at `address`, tables on the way made as needed; null if there is no frame
/// for one (what was made stays, and goes with free_tables()). `top` is a table of level `from`.
template <class P>
[[nodiscard]] std::uint64_t* entry_for(frame_allocator<P>& frames, std::uint64_t* top,
                                       std::uint64_t address, int from = top_level) noexcept {
  std::uint64_t* table = top;
  for (int level = from; level > 1; --level) {
    std::uint64_t& entry = table[table_index(address, level)];
    if (entry == 0) {
      const physical below = frames.allocate();
      if (below == physical{0}) return nullptr;
      // Permissions are those of the last level; the levels above allow everything.
      entry = static_cast<std::uint64_t>(below) | entry_bit::present | entry_bit::writable |
              entry_bit::user;
    }
    table = frames.table(frame_of(entry));
  }
  return &table[table_index(address, 1)];
}

/// The same without making anything: null if there is no table for the page.
template <class P>
[[nodiscard]] std::uint64_t* find_entry(frame_allocator<P>& frames, std::uint64_t* top,
                                        std::uint64_t address, int from = top_level) noexcept {
  std::uint64_t* table = top;
  for (int level = from; level > 1; --level) {
    const std::uint64_t entry = table[table_index(address, level)];
    if (entry == 0) return nullptr;
    table = frames.table(frame_of(entry));
  }
  return &table[table_index(address, 1)];
}

namespace detail {

template <class P, class F>
void each_table(frame_allocator<P>& frames, std::uint64_t* table, int level, std::uint64_t at,
                std::uint64_t end, F& f) noexcept {
  const std::uint64_t span = span_of_entry(level);
  std::size_t index = table_index(at, level);
  if (level == 1) {
    const std::size_t n = std::min<std::uint64_t>(table_entries - index, (end - at) >> page_shift);
    return f(at, table + index, n);
  }
  for (; at < end && index < table_entries; ++index) {
    const std::uint64_t next = (at & ~(span - 1)) + span;
    if (table[index] != 0) {
      each_table(frames, frames.table(frame_of(table[index])), level - 1, at, std::min(next, end),
                 f);
    }
    at = next;
  }
}

}  // namespace detail

/// Calls f(address, entries, how many) for each table of pages that maps some of [start, end), which
/// is not empty: the entries of that range, which may be empty, in their order. `top` is a table of
/// level `from` that maps address 0. Cost: what is not there is skipped a whole table at a time.
/// (walk_page_range, pmd_entry)
template <class P, class F>
void for_each_table(frame_allocator<P>& frames, std::uint64_t* top, std::uint64_t start,
                    std::uint64_t end, F&& f, int from = top_level) noexcept {
  detail::each_table(frames, top, from, start, end, f);
}

/// Calls f(address, entry) for each page of [start, end) that has one, in their order.
/// (walk_page_range, pte_entry)
template <class P, class F>
void for_each_page(frame_allocator<P>& frames, std::uint64_t* top, std::uint64_t start,
                   std::uint64_t end, F&& f, int from = top_level) noexcept {
  const auto pages = [&](std::uint64_t at, std::uint64_t* entries, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i, at += page_size) {
      if (entries[i] != 0) f(at, entries[i]);
    }
  };
  detail::each_table(frames, top, from, start, end, pages);
}

/// Takes the pages of [start, end) out of the tables and puts them; returns how many.
/// (unmap_page_range)
template <class P>
std::size_t free_pages(frame_allocator<P>& frames, std::uint64_t* top, std::uint64_t start,
                       std::uint64_t end, int from = top_level) noexcept {
  typename frame_allocator<P>::batch gone(frames);
  std::size_t pages = 0;
  for_each_page(
      frames, top, start, end,
      [&](std::uint64_t, std::uint64_t& entry) {
        gone.put(frame_of(std::exchange(entry, 0)));
        ++pages;
      },
      from);
  return pages;
}

namespace detail {

template <class P>
void free_tables(frame_allocator<P>& frames, typename frame_allocator<P>::zeroed_batch& gone,
                 std::uint64_t* table, int level, std::uint64_t base, std::uint64_t start,
                 std::uint64_t end, std::uint64_t floor, std::uint64_t ceiling) noexcept {
  const std::uint64_t span = span_of_entry(level);
  std::uint64_t at = base + (start > base ? (start - base) / span * span : 0);
  for (std::size_t index = table_index(at, level); at < end && index < table_entries;
       ++index, at += span) {
    if (table[index] == 0) continue;
    const physical below = frame_of(table[index]);
    if (level > 2) {
      free_tables(frames, gone, frames.table(below), level - 1, at, start, end, floor, ceiling);
    }
    if (at >= floor && at + span <= ceiling) {
      table[index] = 0;
      gone.put(below);
    }
  }
}

}  // namespace detail

/// Frees the tables that map some of [start, end) and nothing outside [floor, ceiling): the gap that
/// is left where nothing is mapped any more. `top` is a table of level `from`; it stays itself. The
/// frames go when `gone` goes. Context: that of whoever has the tables locked. Precondition: they hold no pages. (free_pgd_range)
template <class P>
void free_tables(frame_allocator<P>& frames, typename frame_allocator<P>::zeroed_batch& gone,
                 std::uint64_t* top, std::uint64_t start, std::uint64_t end, std::uint64_t floor,
                 std::uint64_t ceiling, int from = top_level) noexcept {
  detail::free_tables(frames, gone, top, from, 0, start, end, floor, ceiling);
}

}  // namespace trefoil::mm
