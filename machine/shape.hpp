// SPDX-License-Identifier: Apache-2.0
/// @file
/// The address space that every new program gets.
#pragma once

#include <cstdint>
#include <string_view>

#include "machine/held.hpp"

namespace trefoil::machine {

/// Recordings do not say what was mapped; so all are alike, and this says how.
inline constexpr std::string_view shape_description =
    "3 VMAs (text, heap, stack), 3 pages, 6 page tables and a page directory";

/// False: no memory.
[[nodiscard]] inline bool populate(mappings& space) noexcept {
  constexpr std::uint64_t text = 0x40'0000;
  constexpr std::uint64_t heap = 0x50'0000;
  constexpr std::uint64_t stack = 0x7FFF'FFFD'E000;
  constexpr std::uint64_t page = mm::page_size;
  const auto map = [&](std::uint64_t start, std::uint64_t pages, unsigned protection) {
    return bool(
        space.mmap(start, pages * page, protection,
                   mm::map_flag::privately | mm::map_flag::anonymous | mm::map_flag::fixed));
  };
  const auto touch = [&](std::uint64_t address) {
    return space.fault(address) == mm::fault_result::ok;
  };
  return map(text, 16, mm::prot::read | mm::prot::exec) &&
         map(heap, 32, mm::prot::read | mm::prot::write) &&
         map(stack, 33, mm::prot::read | mm::prot::write) && touch(text) && touch(heap) &&
         touch(stack + 32 * page);
}

}  // namespace trefoil::machine
