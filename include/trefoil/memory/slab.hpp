// SPDX-License-Identifier: Apache-2.0
/// @file
/// A slab: memory from the platform, cut into blocks of one size.
///
///     | head | block 0 | block 1 | ... | block n-1 |      aligned to its size: a block's address leads
///                                                         to the head
///
/// Blocks are cut off one after another, as they are needed: of a slab that was never full, the rest
/// has never been touched. The depot (depot.hpp) owns the head; all of it is under the depot's lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "trefoil/attributes.hpp"
#include "trefoil/deferred.hpp"

namespace trefoil {

/// Blocks of this size and more are no part of any slab: each comes from the platform by itself
/// (big_pool.hpp).
inline constexpr std::size_t big_block_bytes = 65536;

template <class P, std::size_t Size, std::size_t Align, class Blocks>
class TREFOIL_ONE_PER_PROCESS slab {
 public:
  using node = deferred<P>;
  using count = std::uint32_t;
  template <class T>
  using cell = typename P::template cell<T>;
  static constexpr bool type_stable = Blocks::type_stable;

  slab() noexcept = default;
  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;

  /// What the platform is asked for; a power of two, and the alignment. Small, so that few objects that
  /// live on, or few blocks in a thread's stock, keep little from going back: large blocks have a slab each
  /// (what a slab has beyond its blocks is never touched).
  [[nodiscard]] static constexpr std::size_t bytes() noexcept {
    constexpr std::size_t least_blocks = Size <= 1024 ? 8 : Size <= 4096 ? 4 : Size < 16384 ? 2 : 1;
    return std::bit_ceil(std::max<std::size_t>(4096, first_offset() + least_blocks * Size));
  }
  /// How many blocks there are in one.
  [[nodiscard]] static constexpr count blocks() noexcept {
    return static_cast<count>((bytes() - first_offset()) / Size);
  }

  [[nodiscard]] static slab& of(node& block) noexcept {
    return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(&block) & ~(bytes() - 1));
  }

  /// Precondition: not exhausted().
  [[nodiscard]] node& take() noexcept {
    node* const n = free_.get();
    if (n == nullptr) return cut();
    free_.set(n->next.get());
    free_count_.set(free_count_.get() - 1);
    return *n;
  }
  void put(node& n) noexcept {
    n.next.set(free_.get());
    free_.set(&n);
    free_count_.set(free_count_.get() + 1);
  }

  /// No block left to take.
  [[nodiscard]] bool exhausted() const noexcept {
    return free_count_.get() == 0 && cut_.get() == blocks();
  }
  /// No block of it is anywhere else.
  [[nodiscard]] bool wholly_free() const noexcept { return free_count_.get() == cut_.get(); }
  /// Blocks that were in use once and are here.
  [[nodiscard]] count free_count() const noexcept { return free_count_.get(); }
  /// Blocks that were ever in use.
  [[nodiscard]] count cut_count() const noexcept { return cut_.get(); }

  // In one of the depot's lists.
  cell<slab*> before{nullptr};
  cell<slab*> after{nullptr};

 private:
  [[nodiscard]] static constexpr std::size_t first_offset() noexcept {
    return (sizeof(slab) + Align - 1) / Align * Align;
  }
  [[nodiscard]] node& cut() noexcept {
    const count i = cut_.get();
    cut_.set(i + 1);
    return *Blocks::carve(reinterpret_cast<std::byte*>(this) + first_offset() + i * Size);
  }

  cell<node*> free_{nullptr};
  cell<count> free_count_{0};
  cell<count> cut_{0};
};

}  // namespace trefoil
