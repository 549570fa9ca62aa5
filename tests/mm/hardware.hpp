// SPDX-License-Identifier: Apache-2.0
/// @file
/// The other side of page tables: a walker that was written from the processor's manual and shares
/// nothing with the code under test.
#pragma once

#include "board.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>

namespace board {

/// 4-level paging as in the Intel SDM, vol. 3A, 4.5.4 (tables 4-15 to 4-20).
class mmu {
 public:
  explicit mmu(const memory& ram) : ram_(ram) {}

  struct translation {
    std::uint64_t frame;
    bool writable;
    bool user;
    bool executable;
  };

  /// Nothing: a page fault, whoever asks.
  [[nodiscard]] std::optional<translation> walk(std::uint64_t cr3, std::uint64_t linear) const {
    translation t{cr3, true, true, true};
    for (const unsigned lowest_bit : {39U, 30U, 21U, 12U}) {  // PML4E, PDPTE, PDE, PTE
      const std::uint64_t entry = load(t.frame + ((linear >> lowest_bit) & 0x1FFU) * 8);
      if ((entry & 1U) == 0) return std::nullopt;
      // PS, bit 7, would mean a page of 1 GiB or 2 MiB; in a PTE the bit is PAT. None is used here.
      EXPECT_EQ(entry & 0x80U, 0U);
      t.writable = t.writable && (entry & 2U) != 0;      // R/W, bit 1: of all levels
      t.user = t.user && (entry & 4U) != 0;              // U/S, bit 2: of all levels
      t.executable = t.executable && entry >> 63U == 0;  // XD, bit 63: of any level
      t.frame = entry & 0x000F'FFFF'FFFF'F000U;          // bits 51:12
    }
    return t;
  }

  /// Every frame that the present entries of the user half lead to, tables and pages, as often as
  /// they do.
  [[nodiscard]] std::multiset<std::uint64_t> reachable(std::uint64_t cr3) const {
    std::multiset<std::uint64_t> found;
    collect(cr3, 39, 256, 0,
            [&](std::uint64_t, std::uint64_t frame, bool) { found.insert(frame); });
    return found;
  }
  /// Pages by address.
  [[nodiscard]] std::map<std::uint64_t, std::uint64_t> pages(std::uint64_t cr3) const {
    std::map<std::uint64_t, std::uint64_t> found;
    collect(cr3, 39, 256, 0, [&](std::uint64_t at, std::uint64_t frame, bool is_page) {
      if (is_page) found.emplace(at, frame);
    });
    return found;
  }
  /// Tables below the page directory.
  [[nodiscard]] std::multiset<std::uint64_t> tables(std::uint64_t cr3) const {
    std::multiset<std::uint64_t> found;
    collect(cr3, 39, 256, 0, [&](std::uint64_t, std::uint64_t frame, bool is_page) {
      if (!is_page) found.insert(frame);
    });
    return found;
  }

 private:
  template <class F>
  void collect(std::uint64_t table, unsigned lowest_bit, unsigned entries, std::uint64_t base,
               F&& f) const {
    for (std::uint64_t i = 0; i < entries; ++i) {
      const std::uint64_t entry = load(table + i * 8U);
      if ((entry & 1U) == 0) continue;
      const std::uint64_t below = entry & 0x000F'FFFF'FFFF'F000U;
      const std::uint64_t at = base + (i << lowest_bit);
      f(at, below, lowest_bit == 12);
      if (lowest_bit > 12) collect(below, lowest_bit - 9, 512, at, f);
    }
  }
  [[nodiscard]] std::uint64_t load(std::uint64_t at) const {
    if (at + 8 > ram_.bytes()) {
      ADD_FAILURE() << "beyond memory: " << at;
      return 0;
    }
    std::uint64_t word = 0;
    std::memcpy(&word, ram_.begin() + at, sizeof word);
    return word;
  }
  const memory& ram_;
};

[[nodiscard]] inline std::uint64_t cr3(const user_ref& space) {
  return static_cast<std::uint64_t>(space.at<page_directory>().frame());
}

}  // namespace board
