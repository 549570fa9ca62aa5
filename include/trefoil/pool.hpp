// SPDX-License-Identifier: Apache-2.0
/// @file
/// The pool: memory for staged objects that can be given back from any context.
///
/// | operation  | level                | what it touches                                               |
/// | ---------- | -------------------- | ------------------------------------------------------------- |
/// | allocate   | `process`            | the thread's list; else the shared list; else a new slab      |
/// | allocate   | `atomic`             | the thread's list; else the shared list; else: null           |
/// | allocate   | `any`                | nothing: null                                                 |
/// | release    | `process`, `atomic`  | the thread's list while it has room; else the shared list     |
/// | release    | `any`                | the shared list: one compare-exchange, whatever it interrupted |
/// | trim       | `process`            | gives slabs that are wholly free back to the platform         |
///
/// The thread's list is plain data, for one thread's code at levels above `any`. A signal handler
/// never touches it, which is why handlers must open a scope (context.hpp). The shared list is
/// push-only / take-all. A thread without a list (never allocated here, or past its thread-local
/// teardown) works on the shared list alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/take_all_list.hpp"

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
/// when the slab is carved, and stay constructed while free.
template <class P, std::size_t Size, std::size_t Align, class Blocks = raw_blocks<P>>
class TREFOIL_ONE_PER_PROCESS pool {
  using node = deferred<P>;
  static_assert(Size >= sizeof(node) && Size % Align == 0 && std::has_single_bit(Align));

 public:
  /// Blocks that a thread keeps for itself, at most.
  static constexpr std::size_t thread_room = std::clamp<std::size_t>(65536 / Size, 8, 128);

  /// Bytes the pool asks the platform for at a time; a power of two, and the slabs' alignment.
  static constexpr std::size_t slab_bytes =
      std::bit_ceil(std::max<std::size_t>(16384, 2 * Align + 64 + 8 * Size));

  /// Memory for one block, or null: out of memory, or none at hand at this level.
  [[nodiscard]] static void* allocate(context::level here) noexcept {
    if (here == context::any) [[unlikely]]
      return nullptr;
    const inside<P, region::pool> mark;
    if constexpr (has_local) {
      cache& mine = local();
      if (const std::uintptr_t back = mine.last_back; back > not_used) [[likely]] {
        mine.last_back = none_back;
        return reinterpret_cast<void*>(back);
      }
      if (node* const n = mine.first) [[likely]] {
        mine.first = n->next.get();
        ++mine.room;
        return n;
      }
    }
    return refill(here);
  }

  /// Takes a block back. The caller may be anywhere (the table above).
  static void release(void* block, context::level here) noexcept {
    const inside<P, region::pool> mark;
    node* const n = Blocks::freed(block);
    if constexpr (has_local) {
      if (here != context::any) [[likely]] {
        cache& mine = local();
        if (mine.last_back == none_back) {
          mine.last_back = reinterpret_cast<std::uintptr_t>(n);
          return;
        }
        if (mine.room != 0) [[likely]] {
          --mine.room;
          n->next.set(mine.first);
          mine.first = n;
          return;
        }
      }
    }
    shared_.push(*n);
  }

  /// Gives slabs without a block in use back to the platform; returns the bytes. Blocks in the
  /// lists of other threads count as in use. Level `process` (else `trim_refused`, and 0); O(free
  /// blocks). One trim at a time: a second one, meanwhile, returns 0. Type-stable pools may still
  /// be read by finders with stale pointers: for them the caller guarantees that a grace period of
  /// those finders has passed since the objects died and that none can begin.
  static std::size_t trim() noexcept {
    if (P::state().here() != context::process) {
      P::report(misuse::trim_refused, &shared_);
      return 0;
    }
    fork_handler_.ask(&after_fork);
    if (trimming_.exchange(true, std::memory_order_acquire)) return 0;
    const inside<P, region::pool> mark;
    push_back_local();
    node* const free = shared_.take_all();
    for (node* n = free; n != nullptr; n = n->next.get()) ++slab_of(n)->free;
    keep_blocks_of_slabs_in_use(free);
    const std::size_t bytes = release_free_slabs();
    trimming_.store(false, std::memory_order_release);
    return bytes;
  }

  /// Bytes got from the platform and not given back. Context: any.
  [[nodiscard]] static std::size_t bytes_reserved() noexcept {
    return slabs_.load(std::memory_order_relaxed) * slab_bytes;
  }

 private:
  /// The head of each slab; the slab's alignment leads from a block to it.
  struct slab {
    node link;               // in all_slabs_
    std::size_t blocks = 0;  // carved from it
    std::size_t free = 0;    // trim's: found in the shared list; 0 outside trim
  };

  enum class cache_life : unsigned char { fresh, open, closed };

  /// What last_back is if it is not the address of a block.
  static constexpr std::uintptr_t none_back = 0;
  static constexpr std::uintptr_t not_used = 1;  // the cache is not open

  /// One thread's blocks.
  struct cache {
    std::uintptr_t last_back = not_used;  // beside the list: make and drop in turn touch only this
    node* first = nullptr;
    std::size_t room = 0;  // blocks it may still take: 0 unless open
    cache_life life = cache_life::fresh;
    thread_exit_hook hook{};
  };

  static constexpr bool has_local = requires {
    P::template local<cache>();
    P::at_thread_exit(*static_cast<thread_exit_hook*>(nullptr));
  };

  // The thread's list of this very pool: `cache` is a nested type, hence the pool's own.
  static cache& local() noexcept { return P::template local<cache>(); }

  static slab* slab_of(node* n) noexcept {
    return reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(n) & ~(slab_bytes - 1));
  }

  /// The thread's list is empty: take what others gave back, else a new slab.
  TREFOIL_COLD static void* refill(context::level here) noexcept {
    if constexpr (has_local) {
      if (here == context::process) register_thread();
    }
    node* chain = shared_.take_if_any();
    if (chain == nullptr) {
      if (here != context::process) return nullptr;
      chain = new_slab();
      if (chain == nullptr) return nullptr;
    }
    node* const block = chain;
    keep(chain->next.get());
    return block;
  }

  /// Keeps as much of a chain as the thread has room for and puts the rest back.
  static void keep(node* chain) noexcept {
    if constexpr (has_local) {
      cache& mine = local();
      while (chain != nullptr && mine.room != 0) {
        node* const next = chain->next.get();
        chain->next.set(mine.first);
        mine.first = chain;
        --mine.room;
        chain = next;
      }
    }
    put_rest_back(chain);
  }

  static void put_back(node* chain) noexcept {
    if (chain == nullptr) return;
    shared_.push_chain(*chain, *last_of(chain));
  }

  /// As put_back(), of a chain too long to walk to its end: what others gave back since it was taken
  /// is short, and goes in front of it.
  static void put_rest_back(node* chain) noexcept {
    while (chain != nullptr && !shared_.put_if_empty(*chain)) {
      node* const newer = shared_.take_if_any();
      if (newer == nullptr) continue;
      last_of(newer)->next.set(chain);
      chain = newer;
    }
  }

  static void register_thread() noexcept {
    if constexpr (has_local) {
      cache& mine = local();
      if (mine.life != cache_life::fresh) return;
      mine.hook.run = [](thread_exit_hook&) noexcept {
        local().life = cache_life::closed;  // from here on the shared list alone
        push_back_local();
      };
      if (!P::at_thread_exit(mine.hook)) return;
      mine.life = cache_life::open;
      mine.last_back = none_back;
      mine.room = thread_room;
    }
  }

  static void push_back_local() noexcept {
    if constexpr (has_local) {
      cache& mine = local();
      const bool open = mine.life == cache_life::open;
      if (mine.last_back > not_used) shared_.push(*reinterpret_cast<node*>(mine.last_back));
      mine.last_back = open ? none_back : not_used;
      node* const chain = mine.first;
      mine.first = nullptr;
      mine.room = open ? thread_room : 0;
      put_back(chain);
    }
  }

  /// A chain of all blocks of a new slab; null if the platform has no memory.
  static node* new_slab() noexcept {
    void* const memory = P::allocate(slab_bytes, slab_bytes);
    if (memory == nullptr) return nullptr;
    slab* const s = ::new (memory) slab;
    auto* const base = static_cast<std::byte*>(memory);
    constexpr std::size_t first = (sizeof(slab) + Align - 1) / Align * Align;
    node* chain = nullptr;
    for (std::size_t at = first + (slab_bytes - first) / Size * Size; at != first;) {
      at -= Size;
      node* const n = Blocks::carve(base + at);
      n->next.set(chain);
      chain = n;
      ++s->blocks;
    }
    all_slabs_.push(s->link);
    slabs_.fetch_add(1, std::memory_order_relaxed);
    return chain;
  }

  /// In the child the thread that trimmed at the time of the fork does not exist: what it had in its
  /// hands is lost, and what it had counted so far means nothing.
  static void after_fork() noexcept {
    if (!trimming_.load(std::memory_order_relaxed)) return;
    node* link = all_slabs_.take_all();
    while (link != nullptr) {
      node* const next = link->next.get();
      reinterpret_cast<slab*>(link)->free = 0;
      all_slabs_.push(*link);
      link = next;
    }
    trimming_.store(false, std::memory_order_relaxed);
  }

  static void keep_blocks_of_slabs_in_use(node* free) noexcept {
    node* kept = nullptr;
    while (free != nullptr) {
      node* const next = free->next.get();
      const slab* const s = slab_of(free);
      if (s->free != s->blocks) {
        free->next.set(kept);
        kept = free;
      }
      free = next;
    }
    put_back(kept);
  }

  static std::size_t release_free_slabs() noexcept {
    std::size_t bytes = 0;
    node* link = all_slabs_.take_all();
    while (link != nullptr) {
      node* const next = link->next.get();
      auto* const s = reinterpret_cast<slab*>(link);  // its first member
      if (s->free == s->blocks) {
        slabs_.fetch_sub(1, std::memory_order_relaxed);
        P::deallocate(s, slab_bytes, slab_bytes);
        bytes += slab_bytes;
      } else {
        s->free = 0;
        all_slabs_.push(*link);
      }
      link = next;
    }
    return bytes;
  }

  static inline constinit take_all_list<P> shared_{};
  static inline constinit take_all_list<P> all_slabs_{};
  static inline constinit typename P::template atomic<std::size_t> slabs_{0};
  static inline constinit typename P::template atomic<bool> trimming_{false};
  static inline constinit fork_handler<P> fork_handler_{};
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

  template <class P, std::size_t Size, std::size_t Align, class Blocks = raw_blocks<P>>
  using source = pool<P, block_bytes<P, Size, Align>, alignment<P, Size, Align>, Blocks>;
};

}  // namespace trefoil
