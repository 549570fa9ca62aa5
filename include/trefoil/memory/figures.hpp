// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a pool tells of itself.
#pragma once

#include <cstddef>

namespace trefoil {

/// Blocks and bytes of one pool, at one moment; `living + cached + shared` are all blocks there are. From
/// memory_figures() (make.hpp), which says at which level they are exact.
struct pool_figures {
  /// Size of one block, in bytes.
  std::size_t block_bytes = 0;
  /// Blocks in use.
  std::size_t living = 0;
  /// Blocks that threads keep for themselves: all threads together, and the one that asks.
  std::size_t cached = 0;
  std::size_t cached_here = 0;
  /// Blocks that are at hand for every thread.
  std::size_t shared = 0;
  /// Slabs got from the platform and not given back; big blocks count as one each.
  std::size_t slabs = 0;
  /// Their bytes. What of a slab was never in use has never been touched.
  std::size_t bytes = 0;
};

}  // namespace trefoil
