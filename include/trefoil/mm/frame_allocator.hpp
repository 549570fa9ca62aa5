// SPDX-License-Identifier: Apache-2.0
/// @file
/// Page frames: the physical memory of a machine, 4096 bytes at a time, each with a count.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "trefoil/mm/spinlock.hpp"

namespace trefoil::mm {

inline constexpr std::size_t page_shift = 12;
inline constexpr std::size_t page_size = std::size_t{1} << page_shift;
/// Entries of a page table of any level.
inline constexpr std::size_t table_entries = page_size / sizeof(std::uint64_t);

/// An address as page tables hold it: an offset into the region, a multiple of page_size.
enum class physical : std::uint64_t {};

/// Hands out frames of one contiguous region that somebody else owns. The first frames of the region
/// hold one count per frame (mem_map); so frame 0 is never handed out, and physical{0} means "none".
///
/// A frame that was handed out has a count of one. Whoever maps it once more, or keeps it while he
/// copies from it, takes another; the last one to put it gives it back. A count that would overflow
/// stays saturated and its frame is never freed. (struct page, _refcount, refcount_t)
///
/// Context of what allocates and frees: `atomic` and above (a short lock that is never taken at
/// `any`). get(), count() and a put() that is not the last: any.
template <class P>
class frame_allocator {
  using counter = typename P::template atomic<std::uint32_t>;
  static constexpr std::uint32_t saturated_from = std::uint32_t{1} << 31;
  static constexpr std::uint32_t saturated = 3 * (std::uint32_t{1} << 30);

 public:
  /// Frames at the beginning of a region of so many that hold the counts.
  [[nodiscard]] static constexpr std::size_t frames_for_counts(std::size_t frames) noexcept {
    return (frames * sizeof(counter) + page_size - 1) / page_size;
  }

  /// `region` is aligned to page_size and at least two pages long. Touches none of it: counts come
  /// into being with the first use of their frames.
  frame_allocator(std::byte* region, std::size_t bytes) noexcept
      : region_(region),
        counts_(reinterpret_cast<counter*>(region)),
        frames_(bytes >> page_shift),
        next_(frames_for_counts(frames_)) {}
  frame_allocator(const frame_allocator&) = delete;
  frame_allocator& operator=(const frame_allocator&) = delete;

  /// A zeroed frame; physical{0} if there is none left. (get_zeroed_page)
  [[nodiscard]] physical allocate() noexcept {
    bool zeroed = true;
    const physical frame = take(zeroed);
    if (!zeroed) std::memset(table(frame), 0, page_size);
    return frame;
  }

  /// A frame with anything in it, for one who writes it from end to end. physical{0}: none left.
  [[nodiscard]] physical allocate_uncleared() noexcept {
    bool zeroed = true;
    return take(zeroed);
  }

  // ---- counts ------------------------------------------------------------------------------------

  /// One more holder of a frame that the caller has, or that cannot go while he looks at it (its
  /// table entry is locked). Context: any. Order: relaxed: a count that was one already. (get_page)
  void get(physical frame) noexcept {
    counter& c = count_of(frame);
    if (c.fetch_add(1, std::memory_order_relaxed) >= saturated_from - 1) [[unlikely]]
      c.store(saturated, std::memory_order_relaxed);
  }

  /// One holder less; true: it was the last one, and the frame is the caller's to free().
  /// Order: release, and acquire by the last, so that its next owner sees all writes done. (put_page_testzero)
  [[nodiscard]] bool put_last(physical frame) noexcept {
    counter& c = count_of(frame);
    // acquire: pairs with the release of the others; whoever sees 1 is alone and needs no
    // read-modify-write
    if (c.load(std::memory_order_acquire) == 1) return true;
    const std::uint32_t before = c.fetch_sub(1, std::memory_order_acq_rel);
    if (before >= saturated_from) [[unlikely]]
      c.store(saturated, std::memory_order_relaxed);
    return before == 1;
  }

  /// One holder less; the last one frees it. (put_page)
  void put(physical frame) noexcept {
    if (put_last(frame)) free(frame);
  }

  /// Holders now. One, seen by a holder whose table is locked, means: nobody else, and nobody can
  /// come. Order: acquire: pairs with the release of whoever let go. (page_count)
  [[nodiscard]] std::uint32_t count(physical frame) const noexcept {
    return count_of(frame).load(std::memory_order_acquire);
  }

  // ---- the end -----------------------------------------------------------------------------------

  /// Takes a frame back, whatever is in it. Precondition: the caller is its only holder. (free_page)
  void free(physical frame) noexcept { give_back(frame, free_); }

  /// Takes a frame back that holds nothing but zeros, as page tables do once they are empty: it need
  /// not be zeroed again. Precondition: as free(). (quicklists had this for page tables)
  void free_zeroed(physical frame) noexcept { give_back(frame, zeroed_); }

  /// Frames on their way back, some at a time under one lock. (mmu_gather, free_pages_and_swap_cache)
  class batch {
   public:
    explicit batch(frame_allocator& frames) noexcept : frames_(frames) {}
    ~batch() { flush(); }
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    /// As put(), the freeing later: at the latest when this goes. Context: `atomic` and above.
    void put(physical frame) noexcept {
      if (!frames_.put_last(frame)) return;
      waiting_[used_++] = frame;
      if (used_ == waiting_.size()) flush();
    }
    void flush() noexcept {
      if (used_ != 0) frames_.give_back_all(waiting_.data(), std::exchange(used_, 0));
    }

   private:
    frame_allocator& frames_;
    std::size_t used_ = 0;
    std::array<physical, 64> waiting_;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  };

  // ---- where things are --------------------------------------------------------------------------

  /// The frame as a page table.
  [[nodiscard]] std::uint64_t* table(physical frame) const noexcept {
    return reinterpret_cast<std::uint64_t*>(region_ + static_cast<std::uint64_t>(frame));
  }
  [[nodiscard]] physical address_of(const std::uint64_t* frame) const noexcept {
    return physical{
        static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(frame) - region_)};
  }

  /// Frames handed out and not taken back. For diagnosis.
  [[nodiscard]] std::size_t in_use() const noexcept {
    const typename spinlock<P>::guard locked(lock_);
    return in_use_;
  }

 private:
  [[nodiscard]] counter& count_of(physical frame) const noexcept {
    return counts_[static_cast<std::uint64_t>(frame) >> page_shift];
  }

  [[nodiscard]] physical take(bool& zeroed) noexcept {
    std::uint64_t* frame = nullptr;
    bool used_before = true;
    {
      const typename spinlock<P>::guard locked(lock_);
      if (zeroed_ != 0) {
        frame = pop(zeroed_);
      } else if (free_ != 0) {
        frame = pop(free_);
        zeroed = false;
      } else if (next_ < frames_) {
        frame = table(physical{next_++ << page_shift});
        zeroed = used_before = false;
      } else {
        return physical{0};
      }
      ++in_use_;
    }
    const physical at = address_of(frame);
    // A frame that comes back keeps its count of one. relaxed: it is ours alone.
    if (!used_before) ::new (static_cast<void*>(&count_of(at))) counter(1);
    return at;
  }

  /// Frames are chained through their first words.
  std::uint64_t* pop(std::uint64_t& list) noexcept {
    std::uint64_t* const frame = table(physical{list});
    list = std::exchange(*frame, 0);
    return frame;
  }
  void give_back(physical frame, std::uint64_t& list) noexcept {
    count_of(frame).store(1, std::memory_order_relaxed);  // nobody else has it; put() left 0 or 1
    const typename spinlock<P>::guard locked(lock_);
    *table(frame) = list;
    list = static_cast<std::uint64_t>(frame);
    --in_use_;
  }
  void give_back_all(const physical* frames, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
      count_of(frames[i]).store(1, std::memory_order_relaxed);
      if (i + 1 < n) *table(frames[i]) = static_cast<std::uint64_t>(frames[i + 1]);
    }
    const typename spinlock<P>::guard locked(lock_);
    *table(frames[n - 1]) = free_;
    free_ = static_cast<std::uint64_t>(frames[0]);
    in_use_ -= n;
  }

  std::byte* const region_;
  counter* const counts_;
  const std::uint64_t frames_;
  mutable spinlock<P> lock_{lock_class::frames};
  std::uint64_t next_;        // guarded by lock_: frames from here on were never used
  std::uint64_t free_ = 0;    // guarded by lock_: the first free frame, 0: none
  std::uint64_t zeroed_ = 0;  // guarded by lock_: the same of those that hold zeros behind the link
  std::size_t in_use_ = 0;    // guarded by lock_
};

}  // namespace trefoil::mm
