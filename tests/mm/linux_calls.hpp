// SPDX-License-Identifier: Apache-2.0
/// @file
/// Calls that are made to Linux and to an address space of ours, and what came of them: what two
/// processes tell each other in memory that they share.
#pragma once

#include "board.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace against_linux {

using namespace board;

inline constexpr std::size_t calls_per_batch = 1000;
inline constexpr std::uint64_t arena_pages = 160;
inline constexpr std::uint64_t arena_bytes = arena_pages * page_size;
inline constexpr std::uint64_t below_arena = std::uint64_t{1}
                                             << 30;        // where placements may land, too
inline constexpr std::uint64_t heap_at = 100 * page_size;  // start_brk, in the arena
inline constexpr std::uint64_t memfd_bytes = 64 * page_size;

enum class what : std::uint8_t { mmap, munmap, mprotect, mremap, brk };

struct call {
  what kind;
  std::uint8_t fd;  // 0: none
  std::uint64_t a, b, c, d, e;
};

struct mapped {
  std::uint64_t start, end, offset, inode;
  char permissions[4];
};

struct answer {
  std::int64_t value;  // an address, 0, or -errno
  std::size_t mappings;
  std::array<mapped, 150> layout;
};

/// Shared by both processes.
struct board_of_both {
  std::uint64_t arena;
  std::uint64_t inodes[3];
  bool heap;  // the child may say where its heap is
  std::size_t calls;
  std::array<call, calls_per_batch> asked;
  std::array<answer, calls_per_batch> answered;
};

}  // namespace against_linux
