// SPDX-License-Identifier: Apache-2.0
/// @file
/// The address space that every process of the `step` machine gets.
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
  const bool mapped = space.map({text, text + 16 * page, false, true}) &&
                      space.map({heap, heap + 32 * page, true, false}) &&
                      space.map({stack, stack + 33 * page, true, false});
  return mapped && space.fault(text) && space.fault(heap) && space.fault(stack + 32 * page);
}

}  // namespace trefoil::machine
