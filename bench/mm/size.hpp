// SPDX-License-Identifier: Apache-2.0
/// @file
/// How much memory the operations are about, the same on both sides; and how a check that fails ends
/// the program.
#pragma once

#include <cstddef>
#include <cstdint>

#include <trefoil/mm/frame_allocator.hpp>

namespace bench {

using trefoil::mm::page_size;

/// A smoke test has less of everything, and the same checks.
struct size {
  std::size_t touched = 65536;  ///< pages of an address space that forks or ends: 256 MiB
  std::size_t faults = 16384;   ///< pages touched in a batch: 64 MiB, more than caches hold
  std::size_t maps = 1024;      ///< pairs of mmap and munmap in a batch
};
/// Set before the first operation.
inline size sizes{};

/// VMAs of a process that is not a toy, at least.
inline constexpr std::size_t vmas_wanted = 100;
/// Bytes of the mapping that is made and taken out again.
inline constexpr std::size_t small_mapping = 4 * page_size;

/// Something that the measurement rests on is not so: says it, and ends the program with status 1.
[[noreturn]] void fail(const char* what) noexcept;

inline void must(bool holds, const char* what) noexcept {
  if (!holds) [[unlikely]]
    fail(what);
}

}  // namespace bench
