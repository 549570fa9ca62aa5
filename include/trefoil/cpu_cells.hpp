// SPDX-License-Identifier: Apache-2.0
/// @file
/// Cells: for each per-CPU count one number per lane, and lanes do not share cache lines.
///
///     lane 0   | count 0 | count 1 | ...                    |     a lane is a CPU, or what threads
///     lane 1   | count 0 | count 1 | ...                    |     share by turns (platform.hpp)
///              |<--------------- stride ------------------->|
///
/// So a count takes 8 bytes per lane, as from Linux's alloc_percpu(), and counts that one CPU works on
/// lie side by side.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/pool.hpp"

namespace trefoil::detail {

/// How many lanes there are. Constant in the life of a process. Level: `process`.
template <class P>
[[nodiscard]] std::size_t lanes() noexcept {
  if constexpr (requires { P::lanes(); }) {
    return P::lanes();
  } else {
    return 1;
  }
}

/// The lane of whoever runs now. Context: any.
template <class P>
[[nodiscard]] std::size_t lane() noexcept {
  if constexpr (requires { P::lane(); }) {
    return P::lane();
  } else {
    return 0;
  }
}

/// The cells of one count. Belongs to one object after another; type-stable while it is free.
template <class P>
class TREFOIL_ONE_PER_PROCESS cell_set : public deferred<P> {
 public:
  using cell = typename P::template atomic<std::uint64_t>;

  /// Null without memory, or none at hand at this level (pool.hpp). All cells are 0.
  [[nodiscard]] static cell_set* take(context::level here) noexcept {
    cell_set* set = from_pool(here);
    if (set == nullptr) return nullptr;
    if (set->first_ == nullptr && here == context::process) set->first_ = carve();
    if (set->first_ == nullptr) {
      // Bare. Beneath it there may be one that has been used.
      cell_set* const next = here == context::process ? nullptr : from_pool(here);
      give_back(*set, here);
      if (next == nullptr) return nullptr;
      if (next->first_ == nullptr) {
        give_back(*next, here);
        return nullptr;
      }
      set = next;
    }
    // relaxed: nobody has a reference to what these will count
    for (std::size_t i = 0; i != lanes<P>(); ++i) set->at(i).store(0, std::memory_order_relaxed);
    return set;
  }

  /// Context: any.
  static void give_back(cell_set& set, context::level here) noexcept {
    sets<cell_set>::release(&set, here);
  }

  /// Where the cells are; a multiple of 8.
  [[nodiscard]] cell* first() const noexcept { return first_; }
  [[nodiscard]] cell& at(std::size_t lane) const noexcept { return cell_of(first_, lane); }

  [[nodiscard]] static cell& cell_of(cell* first, std::size_t lane) noexcept {
    return *reinterpret_cast<cell*>(reinterpret_cast<std::byte*>(first) + lane * cell_stride);
  }

 private:
  struct blocks {
    static constexpr bool type_stable = true;
    static deferred<P>* carve(void* at) noexcept { return ::new (at) cell_set; }
    static deferred<P>* freed(void* at) noexcept { return static_cast<cell_set*>(at); }
  };
  template <class Complete>
  using sets = pooled::source<P, sizeof(Complete), alignof(Complete), blocks>;

  [[nodiscard]] static cell_set* from_pool(context::level here) noexcept {
    return static_cast<cell_set*>(sets<cell_set>::allocate(here));
  }

  /// Cells of many counts; never given back. The lanes follow it.
  struct alignas(64) chunk {
    typename P::template atomic<std::uint32_t> carved{0};
  };
  static constexpr std::uint32_t sets_of_chunk = cell_stride / sizeof(cell);

  [[nodiscard]] static cell* carve() noexcept {
    // acquire: pairs with the release below; the cells are constructed
    chunk* newest = newest_.load(std::memory_order_acquire);
    for (;;) {
      // Looked at first, as without memory this may be tried for ever, and the number must not wrap.
      if (newest != nullptr && newest->carved.load(std::memory_order_relaxed) < sets_of_chunk) {
        const std::uint32_t i = newest->carved.fetch_add(1, std::memory_order_relaxed);
        if (i < sets_of_chunk) return cells_of(newest) + i;
      }
      const std::size_t bytes = sizeof(chunk) + lanes<P>() * cell_stride;
      void* const room = P::allocate(bytes, alignof(chunk));
      if (room == nullptr) return nullptr;
      auto* const fresh = ::new (room) chunk;
      for (std::size_t i = 0; i != lanes<P>(); ++i) {
        for (std::uint32_t j = 0; j != sets_of_chunk; ++j)
          ::new (&cell_of(cells_of(fresh) + j, i)) cell(0);
      }
      if (newest_.compare_exchange_strong(newest, fresh, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
        newest = fresh;
      } else {
        P::deallocate(room, bytes, alignof(chunk));  // another thread was first
      }
    }
  }
  [[nodiscard]] static cell* cells_of(chunk* c) noexcept { return reinterpret_cast<cell*>(c + 1); }

  cell* first_ = nullptr;

  static inline constinit typename P::template atomic<chunk*> newest_{nullptr};
};

}  // namespace trefoil::detail
