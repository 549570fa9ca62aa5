// SPDX-License-Identifier: Apache-2.0
/// @file
/// A storage policy that a test can look into.
#pragma once

#include <trefoil/context.hpp>
#include <trefoil/pool.hpp>

#include <atomic>
#include <cstddef>
#include <new>

/// Memory straight from operator new, so that the address sanitizer sees every touch of what was
/// given back. Counts blocks and bytes, and runs out of memory when told to.
class counted_storage {
 public:
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    static_assert(!Blocks::type_stable, "finders need memory that stays what it is");

    static void* allocate(trefoil::context::level here) noexcept {
      if (here == trefoil::context::any) return nullptr;  // as the pool
      if (until_failure_.load() != 0 && until_failure_.fetch_sub(1) == 1) return nullptr;
      blocks_.fetch_add(1);
      bytes_.fetch_add(Size);
      return ::operator new(Size, std::align_val_t{Align});
    }
    static void release(void* block, trefoil::context::level) noexcept {
      blocks_.fetch_sub(1);
      bytes_.fetch_sub(Size);
      ::operator delete(block, std::align_val_t{Align});
    }
    static std::size_t trim() noexcept { return 0; }
  };

  /// In use now, by all objects with this policy.
  [[nodiscard]] static std::size_t blocks() { return blocks_.load(); }
  [[nodiscard]] static std::size_t bytes() { return bytes_.load(); }

  /// The n-th allocation from now on fails, that one only; 0: none.
  static void fail_on(unsigned n) { until_failure_.store(n); }

 private:
  static inline std::atomic<std::size_t> blocks_{0};
  static inline std::atomic<std::size_t> bytes_{0};
  static inline std::atomic<unsigned> until_failure_{0};
};
