// SPDX-License-Identifier: Apache-2.0
/// @file
/// The pool: memory for staged objects that can be given back from any context.
///
/// | operation  | level                | what it touches                                               |
/// | ---------- | -------------------- | ------------------------------------------------------------- |
/// | allocate   | `process`            | the thread's stock; else the depot; else a new slab            |
/// | allocate   | `atomic`             | the thread's stock; else the depot; else: null                 |
/// | allocate   | `any`                | nothing: null                                                  |
/// | release    | `process`, `atomic`  | the thread's stock while it has room; else the depot           |
/// | release    | `any`                | the depot's list of what was dropped: one compare-exchange, whatever it interrupted |
/// | trim       | `process`            | gives slabs that are wholly free back to the platform          |
///
/// The thread's stock (memory/stock.hpp) is plain data, for one thread's code at levels above `any`. A
/// signal handler never touches it, which is why handlers must open a scope (context.hpp). A thread
/// without one (it never allocates, it is past its thread-local teardown, or the platform has none)
/// works on the depot (memory/depot.hpp) alone.
///
/// What a pool takes is bounded by what lives (docs/memory.md): at most 8/7 of the most that lived at
/// the same time, and for each thread a stock of 64 KiB, or three blocks. What a burst took goes back
/// while anybody makes and drops at level `process`; nobody needs to call trim.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/memory/big_pool.hpp"
#include "trefoil/memory/depot.hpp"
#include "trefoil/memory/figures.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/platform.hpp"

namespace trefoil {

/// A free block is a bare deferral node; allocation hands out raw memory.
template <class P>
struct TREFOIL_ONE_PER_PROCESS raw_blocks {
  static constexpr bool type_stable = false;
  static deferred<P>* carve(void* at) noexcept { return ::new (at) deferred<P>; }
  static deferred<P>* freed(void* at) noexcept { return ::new (at) deferred<P>; }
};

/// All free memory for blocks of one size: static, constant-initialised, never destroyed.
/// `Blocks` says what a free block is; type-stable blocks (findable objects) are constructed once,
/// when they are cut from their slab, and stay constructed while free; only trim gives them back.
template <class P, std::size_t Size, std::size_t Align, class Blocks = raw_blocks<P>>
class TREFOIL_ONE_PER_PROCESS pool {
  using node = deferred<P>;
  using depot = trefoil::depot<P, Size, Align, Blocks>;
  using slab = typename depot::slab;
  using stock = typename depot::stock;
  static_assert(Size >= sizeof(node) && Size % Align == 0 && std::has_single_bit(Align));
  static_assert(Size < big_block_bytes, "big blocks are big_pool's; pooled::source chooses");

 public:
  /// Blocks that a thread keeps for itself, at most.
  static constexpr std::size_t thread_room = 2 * depot::batch + 1;

  /// Bytes the pool asks the platform for at a time; a power of two, and the slabs' alignment.
  static constexpr std::size_t slab_bytes = slab::bytes();

  /// Memory for one block, or null: out of memory, or none at hand at this level.
  [[nodiscard]] static void* allocate(context::level here) noexcept {
    if (here == context::any) [[unlikely]]
      return nullptr;
    const inside<P, region::pool> mark;
    if constexpr (has_local) {
      cache& mine = local();
      if (node* const n = mine.take_last()) [[likely]] {
        if (depot_.dropped_some()) [[unlikely]]
          tidy_now_and_then(here);
        return n;
      }
      if (node* const n = mine.take_from_first()) [[likely]]
        return n;
    }
    return refill(here);
  }

  /// Takes a block back. The caller may be anywhere (the table above).
  static void release(void* block, context::level here) noexcept {
    const inside<P, region::pool> mark;
    node* const n = Blocks::freed(block);
    if (here == context::any) [[unlikely]]
      return depot_.drop(*n);
    if constexpr (has_local) {
      if (local().put(*n)) [[likely]]
        return;
    }
    overflow(*n, here);
  }

  /// Gives slabs without a block in use back to the platform; returns the bytes. Blocks in the
  /// stocks of other threads count as in use. Level `process` (else `trim_refused`, and 0); O(free
  /// blocks). Type-stable pools may still be read by finders with stale pointers: for them the caller
  /// guarantees that a grace period of those finders has passed since the objects died and that none
  /// can begin.
  static std::size_t trim() noexcept {
    if (P::state().here() != context::process) {
      P::report(misuse::trim_refused, &depot_);
      return 0;
    }
    const inside<P, region::pool> mark;
    std::size_t bytes = 0;
    if constexpr (has_local) bytes = depot_.put_all(local().take_all());
    return bytes + depot_.trim();
  }

  /// Blocks and bytes at this moment; exact while nobody else uses the pool. Level: `process`: O(blocks
  /// dropped at level `any` that nobody has sorted yet). At `atomic` such blocks count as living. At
  /// `any` only `block_bytes`, `slabs` and `bytes` are told.
  [[nodiscard]] static pool_figures figures() noexcept {
    const context::level here = P::state().here();
    if (here == context::any)
      return {.block_bytes = Size, .slabs = depot_.slabs(), .bytes = depot_.bytes()};
    const inside<P, region::pool> mark;
    pool_figures f = depot_.figures(here);
    if constexpr (has_local) f.cached_here = local().size();
    return f;
  }

  /// Bytes got from the platform and not given back. Context: any.
  [[nodiscard]] static std::size_t bytes_reserved() noexcept { return depot_.bytes(); }

 private:
  enum class cache_life : unsigned char { fresh, open, closed };

  /// One thread's blocks.
  struct cache : stock {
    std::uint32_t until_tidy = 1;  // operations until it looks after what was dropped
    cache_life life = cache_life::fresh;
    thread_exit_hook hook{};
  };

  static constexpr bool has_local = requires {
    P::template local<cache>();
    P::at_thread_exit(*static_cast<thread_exit_hook*>(nullptr));
  };

  // The thread's stock of this very pool: `cache` is a nested type, hence the pool's own.
  static cache& local() noexcept { return P::template local<cache>(); }

  /// The thread's first magazine is empty: the spare one, else what the depot has, else a new slab.
  TREFOIL_COLD static void* refill(context::level here) noexcept {
    if (here == context::process) forks_.ask(&before_fork, &after_fork, &after_fork_in_child);
    std::size_t got = 0;
    if constexpr (has_local) {
      cache& mine = local();
      if (here == context::process) register_thread(mine);
      if (mine.load_spare()) return mine.take_from_first();
      if (mine.is_open()) {
        node* const n = depot_.take(here, depot::batch, got);
        if (n == nullptr) return nullptr;
        node* const rest = n->next.get();
        if (rest == nullptr) return n;
        if (mine.first_is_empty()) [[likely]] {
          mine.load(rest, got - 1);
        } else {  // the platform's allocate() has made and dropped objects of this size itself
          depot_.put_all(rest);
        }
        return n;
      }
    }
    return depot_.take(here, 1, got);
  }

  /// The thread's stock is full, or it has none. A thread that never takes blocks, as the worker's, gets
  /// none: others can use at once what it gives back.
  TREFOIL_COLD static void overflow(node& n, context::level here) noexcept {
    if constexpr (has_local) {
      cache& mine = local();
      if (!mine.is_open()) {
        depot_.drop(n);
        return tidy_now_and_then(here);
      }
      node* const full = mine.set_first_aside();
      static_cast<void>(mine.put(n));
      if (full != nullptr) depot_.put_magazine(*full, here);
    } else {
      depot_.put(n, here);
    }
  }

  /// A thread that needs nothing from the depot looks after what was dropped as often as that: nobody
  /// else might.
  static constexpr std::uint32_t tidy_each = 64;

  TREFOIL_COLD static void tidy_now_and_then(context::level here) noexcept {
    cache& mine = local();
    if (--mine.until_tidy != 0) return;
    mine.until_tidy = tidy_each;
    depot_.tidy(here);
  }

  static void register_thread(cache& mine) noexcept {
    if (mine.life != cache_life::fresh) return;
    mine.hook.run = [](thread_exit_hook&) noexcept {
      cache& ending = local();
      ending.life = cache_life::closed;  // from here on the depot alone
      depot_.remove_stock(ending);
      node* const all = ending.take_all();
      ending.close();
      depot_.put_all(all);
    };
    if (!P::at_thread_exit(mine.hook)) return;
    mine.life = cache_life::open;
    mine.open();
    depot_.add_stock(mine);
  }

  static void before_fork() noexcept { depot_.before_fork(P::state().here()); }
  static void after_fork() noexcept { depot_.after_fork_in_parent(P::state().here()); }
  static void after_fork_in_child() noexcept {
    stock* mine = nullptr;
    if constexpr (has_local) {
      if (local().is_open()) mine = &local();
    }
    depot_.after_fork_in_child(P::state().here(), mine);
  }

  static inline constinit depot depot_{};
  static inline constinit fork_handler<P> forks_{};
};

/// The storage policy by default: pools, shared by all objects of one size class.
struct pooled {
  /// Blocks come in steps of 16 bytes (or of their alignment), at least a deferral node each.
  template <class P, std::size_t Size, std::size_t Align>
  static constexpr std::size_t alignment = std::max<std::size_t>(Align, 16);
  template <class P, std::size_t Size, std::size_t Align>
  static constexpr std::size_t block_bytes =
      (std::max(Size, sizeof(deferred<P>)) + alignment<P, Size, Align> - 1) /
      alignment<P, Size, Align> * alignment<P, Size, Align>;

  template <class P, std::size_t Size, std::size_t Align, class Blocks>
  struct chosen {
    using type = pool<P, Size, Align, Blocks>;
  };
  template <class P, std::size_t Size, std::size_t Align, class Blocks>
    requires(Size >= big_block_bytes)
  struct chosen<P, Size, Align, Blocks> {
    using type = big_pool<P, Size, Align, Blocks>;
  };

  template <class P, std::size_t Size, std::size_t Align, class Blocks = raw_blocks<P>>
  using source =
      typename chosen<P, block_bytes<P, Size, Align>, alignment<P, Size, Align>, Blocks>::type;
};

}  // namespace trefoil
