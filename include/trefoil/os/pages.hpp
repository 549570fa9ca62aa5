// SPDX-License-Identifier: Apache-2.0
/// @file
/// Memory for an ordinary process, straight from the system where it matters that it goes back there.
///
/// | request                                                      | comes from                      | when freed           |
/// | ------------------------------------------------------------ | ------------------------------- | -------------------- |
/// | a slab: 4 KiB to 256 KiB, a power of two, aligned to its size | a chunk of 1 MiB, mapped at once | its pages go back, but for 256 KiB of all |
/// | 64 KiB and more                                              | a mapping of its own            | is unmapped          |
/// | all else                                                     | operator new                    | operator delete      |
///
/// Not from operator new: what malloc gets back, it keeps, in arenas of the threads that had it, and an
/// aligned request costs it up to another half (glibc). A chunk is a mapping that stays whole while
/// anything of it is used, so that slabs, however they come and go, do not split the process's mappings.
///
/// Elsewhere than on Linux, and in a process with AddressSanitizer, which looks for leaks through malloc's
/// memory, everything comes from operator new. (Asked at run time: not all of a process need be built with
/// it, and what one part allocates another may free.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "trefoil/attributes.hpp"

#if defined(__linux__)
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>

#include "trefoil/context.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/memory/short_lock.hpp"
#include "trefoil/memory/slab.hpp"
#include "trefoil/memory/two_way_list.hpp"
#include "trefoil/platform.hpp"

extern "C" {
__attribute__((weak)) void __asan_init();  // NOLINT
// LeakSanitizer alone looks through a mapping if it is told of it.
__attribute__((weak)) void __lsan_register_root_region(const void*, std::size_t);    // NOLINT
__attribute__((weak)) void __lsan_unregister_root_region(const void*, std::size_t);  // NOLINT
}
#endif

namespace trefoil::detail {

[[nodiscard]] inline void* from_heap(std::size_t bytes, std::size_t align) noexcept {
  return ::operator new(bytes, std::align_val_t{align}, std::nothrow);
}
inline void to_heap(void* p, std::size_t align) noexcept {
  ::operator delete(p, std::align_val_t{align});  // unsized: clang 14 has no sized one by default
}

#if defined(__linux__)

/// Mappings of the process.
class mapping {
 public:
  /// Null: the system has none. Level: `process`.
  [[nodiscard]] static void* create(std::size_t bytes, std::size_t align) noexcept {
    void* const at = map(bytes);
    if (at == nullptr || address(at) % align == 0) return at;
    // With enough room around it; neighbours that were mapped downwards one after another are aligned.
    munmap(at, bytes);
    auto* const wide = static_cast<std::byte*>(map(bytes + align));
    if (wide == nullptr) return nullptr;
    const std::size_t before = (align - address(wide) % align) % align;
    if (before != 0) munmap(wide, before);
    if (before != align) munmap(wide + before + bytes, align - before);
    return wide + before;
  }

  /// The contents go; false: the system has no room to note the hole (vm.max_map_count).
  static bool destroy(void* at, std::size_t bytes) noexcept {
    if (munmap(at, bytes) == 0) return true;
    discard(at, bytes);
    return false;
  }

  /// The pages go back to the system; they read as zero then.
  static void discard(void* at, std::size_t bytes) noexcept { madvise(at, bytes, MADV_DONTNEED); }

  static std::uintptr_t address(const void* at) noexcept {
    return reinterpret_cast<std::uintptr_t>(at);
  }

 private:
  static void* map(std::size_t bytes) noexcept {
    void* const at =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
  }
};

/// One MiB in pages, of which the first holds this head. A run of pages, 1 to 64, a power of two, lies
/// within one word of the bit sets: it is aligned to its length.
class chunk {
 public:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t bytes = std::size_t{1} << 20U;
  static constexpr std::size_t words = bytes / page / 64;
  static constexpr std::size_t usable = bytes / page - 1;

  chunk() noexcept {
    free_.fill(~std::uint64_t{0});
    free_[0] -= 1;
  }

  [[nodiscard]] static chunk& of(void* p) noexcept {
    return *reinterpret_cast<chunk*>(mapping::address(p) & ~(bytes - 1));
  }

  /// Null: no run of that length. Pages that are resident already come first; `dirty`: how many of the
  /// run are.
  [[nodiscard]] void* take(std::size_t pages, std::size_t& dirty) noexcept {
    for (const bool used_before : {true, false}) {
      for (std::size_t w = 0; w != words; ++w) {
        const std::uint64_t runs = aligned_runs(used_before ? dirty_[w] : free_[w], pages);
        if (runs == 0) continue;
        const auto at = static_cast<std::size_t>(std::countr_zero(runs));
        const std::uint64_t mine = run(at, pages);
        dirty = static_cast<std::size_t>(std::popcount(dirty_[w] & mine));
        free_[w] &= ~mine;
        dirty_[w] &= ~mine;
        free_pages_ -= pages;
        return reinterpret_cast<std::byte*>(this) + (w * 64 + at) * page;
      }
    }
    return nullptr;
  }
  void put(void* p, std::size_t pages, bool still_dirty) noexcept {
    const std::size_t first = (mapping::address(p) - mapping::address(this)) / page;
    const std::uint64_t its = run(first % 64, pages);
    free_[first / 64] |= its;
    if (still_dirty) dirty_[first / 64] |= its;
    free_pages_ += pages;
  }

  [[nodiscard]] bool wholly_free() const noexcept { return free_pages_ == usable; }
  [[nodiscard]] bool exhausted() const noexcept { return free_pages_ == 0; }
  [[nodiscard]] std::size_t dirty_pages() const noexcept {
    std::size_t sum = 0;
    for (const std::uint64_t w : dirty_) sum += static_cast<std::size_t>(std::popcount(w));
    return sum;
  }

  template <class T>
  using cell = plain_cell<T>;
  cell<chunk*> before{nullptr};
  cell<chunk*> after{nullptr};

 private:
  static std::uint64_t run(std::size_t at, std::size_t pages) noexcept {
    return (pages == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << pages) - 1) << at;
  }
  /// The bits at which an aligned run of set bits begins.
  static std::uint64_t aligned_runs(std::uint64_t set, std::size_t pages) noexcept {
    for (std::size_t n = 1; n != pages; n *= 2) set &= set >> n;
    return set & (~std::uint64_t{0} / run(0, pages));  // bits 0, pages, 2 * pages, ...
  }

  std::array<std::uint64_t, words> free_{};
  std::array<std::uint64_t, words> dirty_{};  // free, and still resident
  std::size_t free_pages_ = usable;
};

/// Memory by the table above.
template <class P>
class TREFOIL_ONE_PER_PROCESS pages {
 public:
  [[nodiscard]] static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    switch (where(bytes, align)) {
      case place::chunks: return take_run(bytes / chunk::page);
      case place::mappings: return map(whole_pages(bytes), align);
      case place::heap: break;
    }
    return from_heap(bytes, align);
  }

  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    switch (where(bytes, align)) {
      case place::chunks: return put_run(p, bytes / chunk::page);
      case place::mappings: return unmap(p, whole_pages(bytes));
      case place::heap: break;
    }
    to_heap(p, align);
  }

 private:
  enum class place : unsigned char { heap, chunks, mappings };

  [[nodiscard]] static place where(std::size_t bytes, std::size_t align) noexcept {
    if (bytes < chunk::page || &__asan_init != nullptr) return place::heap;
    if (bytes == align && std::has_single_bit(bytes) && bytes <= 64 * chunk::page)
      return place::chunks;
    return bytes < big_block_bytes ? place::heap : place::mappings;
  }
  static constexpr std::size_t whole_pages(std::size_t bytes) noexcept {
    return (bytes + chunk::page - 1) / chunk::page * chunk::page;
  }

  /// How many chunks are looked through for a run; a longer search would find what is left of others.
  static constexpr int looked_through = 8;

  /// Free pages that stay resident, so that a slab made and given back costs no page faults: 256 KiB. (An
  /// ebb and flow of many slabs is the depots', which keep a share of theirs.)
  static constexpr std::size_t kept_dirty = 64;

  [[nodiscard]] static void* take_run(std::size_t pages) noexcept {
    forks_.ask(&before_fork, &after_fork, &after_fork);
    lock_.lock();
    chunk* from = partial_.first();
    void* at = nullptr;
    std::size_t dirty = 0;
    for (int i = 0; from != nullptr && i != looked_through; ++i, from = from->after.get()) {
      at = from->take(pages, dirty);
      if (at != nullptr) break;
    }
    if (at == nullptr) {
      from = add_chunk();
      if (from != nullptr) at = from->take(pages, dirty);
    }
    if (at != nullptr) {
      used_ += pages;
      dirty_ -= dirty;
      if (from->exhausted()) partial_.remove(*from);
    }
    lock_.unlock();
    return at;
  }

  static void put_run(void* p, std::size_t pages) noexcept {
    chunk& its = chunk::of(p);
    lock_.lock();
    used_ -= pages;
    const bool keep = dirty_ + pages <= kept_dirty;
    if (!keep) {  // while the run is ours, and others need not wait
      lock_.unlock();
      mapping::discard(p, pages * chunk::page);
      lock_.lock();
    }
    if (its.exhausted()) partial_.add(its);
    its.put(p, pages, keep);
    if (keep) dirty_ += pages;
    // One chunk stays, so that one slab, made and given back, does not map and unmap it each time.
    const bool surplus = its.wholly_free() && used_ + chunk::usable < free_and_used();
    if (surplus) remove_chunk(its);
    lock_.unlock();
    if (surplus) unmap(&its, chunk::bytes);
  }

  [[nodiscard]] static std::size_t free_and_used() noexcept { return chunks_ * chunk::usable; }

  /// Under the lock before and after, not while the system is asked.
  [[nodiscard]] static chunk* add_chunk() noexcept {
    lock_.unlock();
    void* const room = map(chunk::bytes, chunk::bytes);
    // A huge page would make a MiB and more resident for the sake of one slab.
    if (room != nullptr) madvise(room, chunk::bytes, MADV_NOHUGEPAGE);
    lock_.lock();
    if (room == nullptr) return nullptr;
    auto* const fresh = ::new (room) chunk;
    partial_.add(*fresh);
    ++chunks_;
    return fresh;
  }
  static void remove_chunk(chunk& c) noexcept {
    dirty_ -= c.dirty_pages();
    partial_.remove(c);
    --chunks_;
  }

  [[nodiscard]] static void* map(std::size_t bytes, std::size_t align) noexcept {
    void* const at = mapping::create(bytes, std::max(align, chunk::page));
    if (at != nullptr && __lsan_register_root_region != nullptr)
      __lsan_register_root_region(at, bytes);
    return at;
  }
  static void unmap(void* at, std::size_t bytes) noexcept {
    if (__lsan_unregister_root_region != nullptr) __lsan_unregister_root_region(at, bytes);
    mapping::destroy(at, bytes);
  }

  static void before_fork() noexcept { lock_.hold_over_fork(P::state().here()); }
  static void after_fork() noexcept { lock_.let_go_after_fork(P::state().here()); }

  static inline constinit short_lock<P> lock_{};
  static inline constinit two_way_list<chunk> partial_{};  // chunks with free pages
  static inline constinit std::size_t chunks_{0};
  static inline constinit std::size_t used_{0};   // pages of slabs
  static inline constinit std::size_t dirty_{0};  // free pages that are resident
  static inline constinit fork_handler<P> forks_{};
};

#else

/// Memory by the table above: here operator new's alone.
template <class P>
class pages {
 public:
  [[nodiscard]] static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return from_heap(bytes, align);
  }
  static void deallocate(void* p, std::size_t, std::size_t align) noexcept { to_heap(p, align); }
};

#endif

}  // namespace trefoil::detail
