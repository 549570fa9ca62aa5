// SPDX-License-Identifier: Apache-2.0
/// @file
/// Page frames: the physical memory of a machine, 4096 bytes at a time, each with a count.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "trefoil/mm/frame_set.hpp"
#include "trefoil/mm/spinlock.hpp"

namespace trefoil::mm {

inline constexpr std::size_t page_shift = 12;
inline constexpr std::size_t page_size = std::size_t{1} << page_shift;
/// Entries of a page table of any level.
inline constexpr std::size_t table_entries = page_size / sizeof(std::uint64_t);

/// An address as page tables hold it: an offset into the region, a multiple of page_size.
enum class physical : std::uint64_t {};

/// Hands out frames of one contiguous region that somebody else owns. The first frames of the region
/// hold one count per frame (mem_map), and a bit that says whether it is free; so frame 0 is never
/// handed out, and physical{0} means "none".
///
/// A frame that was handed out has a count of one. Whoever maps it once more, or keeps it while he
/// copies from it, takes another; the last one to put it gives it back. A count that would overflow
/// stays saturated and its frame is never freed. (struct page, _refcount, refcount_t)
///
/// The lowest free frame is handed out first (frame_set.hpp says why). A frame that comes and goes is
/// not touched for that. Those that are known to hold zeros are apart, in a list that leads from one to
/// the next through their counts, which nobody else needs: so they stay zeroed.
///
/// Context of what allocates and frees: `atomic` and above (a short lock that is never taken at
/// `any`). get(), count() and a put() that is not the last: any.
template <class P>
class frame_allocator {
  using counter = typename P::template atomic<std::uint32_t>;
  using frame_number = frame_set::number;  // 0: none
  static constexpr std::uint32_t saturated_from = std::uint32_t{1} << 31;
  static constexpr std::uint32_t saturated = 3 * (std::uint32_t{1} << 30);

 public:
  /// Frames at the beginning of a region of so many that hold the counts, and the bits.
  [[nodiscard]] static constexpr std::size_t frames_for_counts(std::size_t frames) noexcept {
    return (bytes_of_counts(frames) + frame_set::bytes_for(frames) + page_size - 1) / page_size;
  }

  /// `region` is aligned to page_size and at least two pages long; what is beyond 16 TiB of it is not
  /// used. Touches none of it: counts and bits come into being with the first use of their frames.
  frame_allocator(std::byte* region, std::size_t bytes) noexcept
      : region_(region),
        counts_(reinterpret_cast<counter*>(region)),
        frames_(static_cast<frame_number>(std::min(bytes >> page_shift, most_frames))),
        next_(static_cast<frame_number>(frames_for_counts(frames_))),
        free_(region + bytes_of_counts(frames_), frames_) {}
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

  /// The same for one who can tell that nobody comes or goes meanwhile but other holders: the table
  /// through which he has it is locked against all others (mmap_lock for writing). If he is the only
  /// holder, then, nobody can be at the count, and no read-modify-write is needed.
  /// Context: any. Order: as put_last(): acquire, so that what the others did before they let go comes
  /// before what the caller does, who hands it on with his own put.
  void get_locked(physical frame) noexcept {
    counter& c = count_of(frame);
    if (c.load(std::memory_order_acquire) == 1) {
      c.store(2, std::memory_order_relaxed);
    } else {
      get(frame);
    }
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
  void free(physical frame) noexcept {
    const frame_number number = number_of(frame);
    const typename spinlock<P>::guard locked(lock_);
    free_.add(number / frame_set::bits, bit_of(number));
    --in_use_;
  }

  /// Takes a frame back that holds nothing but zeros, as page tables do once they are empty: it need
  /// not be zeroed again. Precondition: as free(). (quicklists had this for page tables)
  void free_zeroed(physical frame) noexcept { zeroed_batch(*this).put(frame); }

  /// Frames that hold nothing but zeros on their way back, any number of them under one lock.
  class zeroed_batch {
   public:
    explicit zeroed_batch(frame_allocator& frames) noexcept : frames_(frames) {}
    /// They are free from here on. Context: `atomic` and above.
    ~zeroed_batch() {
      if (size_ == 0) return;
      const typename spinlock<P>::guard locked(frames_.lock_);
      // relaxed: read under the same lock
      frames_.counts_[last_].store(frames_.zeroed_, std::memory_order_relaxed);
      frames_.zeroed_ = first_;
      frames_.in_use_ -= size_;
    }
    zeroed_batch(const zeroed_batch&) = delete;
    zeroed_batch& operator=(const zeroed_batch&) = delete;

    /// As free_zeroed(), but when this goes. Context: any. Cost: a store; no lock.
    void put(physical frame) noexcept {
      const frame_number number = number_of(frame);
      if (size_ == 0) last_ = number;
      // relaxed: it is ours until all go back, and read under the lock afterwards
      frames_.counts_[number].store(first_, std::memory_order_relaxed);
      first_ = number;
      ++size_;
    }

   private:
    frame_allocator& frames_;
    frame_number first_ = 0;  // of a list as that of the allocator
    frame_number last_ = 0;
    std::size_t size_ = 0;
  };

  /// Frames on their way back, many at a time under one lock: 64 that are neighbours nowhere, or up to
  /// 16 MiB that are. (mmu_gather, free_pages_and_swap_cache)
  class batch {
   public:
    explicit batch(frame_allocator& frames) noexcept : frames_(frames) {}
    ~batch() { flush(); }
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    /// As put(), the freeing later: at the latest when this goes. Context: `atomic` and above.
    /// Cost: neighbours that come one after the other are one entry of what is kept for later.
    void put(physical frame) noexcept {
      if (!frames_.put_last(frame)) return;
      const frame_number number = number_of(frame);
      if (number / frame_set::bits != which_) start(number / frame_set::bits);
      mask_ |= bit_of(number);
    }
    void flush() noexcept {
      start(which_);
      if (used_ == 0) return;
      const typename spinlock<P>::guard locked(frames_.lock_);
      for (std::size_t i = 0; i < used_; ++i) {
        frames_.free_.add(waiting_[i].which, waiting_[i].mask);
        frames_.in_use_ -= static_cast<std::size_t>(std::popcount(waiting_[i].mask));
      }
      used_ = 0;
    }

   private:
    struct neighbours {
      frame_number which;
      frame_set::word mask;
    };
    void start(frame_number which) noexcept {
      if (mask_ != 0) {
        waiting_[used_++] = {which_, mask_};
        mask_ = 0;
        if (used_ == waiting_.size()) flush();
      }
      which_ = which;
    }

    frame_allocator& frames_;
    frame_number which_ = 0;
    frame_set::word mask_ = 0;
    std::size_t used_ = 0;
    std::array<neighbours, 64> waiting_;  // NOLINT(cppcoreguidelines-pro-type-member-init)
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
  static constexpr std::size_t most_frames = std::numeric_limits<frame_number>::max();

  [[nodiscard]] static constexpr std::size_t bytes_of_counts(std::size_t frames) noexcept {
    return (frames * sizeof(counter) + sizeof(frame_set::word) - 1) &
           ~(sizeof(frame_set::word) - 1);
  }
  [[nodiscard]] static constexpr frame_number number_of(physical frame) noexcept {
    return static_cast<frame_number>(static_cast<std::uint64_t>(frame) >> page_shift);
  }
  [[nodiscard]] static constexpr frame_set::word bit_of(frame_number n) noexcept {
    return frame_set::word{1} << (n % frame_set::bits);
  }
  [[nodiscard]] counter& count_of(physical frame) const noexcept {
    return counts_[number_of(frame)];
  }

  [[nodiscard]] physical take(bool& zeroed) noexcept {
    frame_number taken = 0;
    bool used_before = true;
    {
      const typename spinlock<P>::guard locked(lock_);
      if (zeroed_ != 0) {
        taken = std::exchange(zeroed_, counts_[zeroed_].load(std::memory_order_relaxed));
      } else if (!free_.empty()) {
        taken = free_.take_lowest();
        zeroed = false;
      } else if (next_ < frames_) {
        taken = next_++;
        free_.reach(taken);
        zeroed = used_before = false;
      } else {
        return physical{0};
      }
      ++in_use_;
    }
    // relaxed: it is ours alone
    if (used_before) {
      counts_[taken].store(1, std::memory_order_relaxed);
    } else {
      ::new (static_cast<void*>(&counts_[taken])) counter(1);
    }
    return physical{std::uint64_t{taken} << page_shift};
  }

  std::byte* const region_;
  counter* const counts_;
  const frame_number frames_;
  mutable spinlock<P> lock_{lock_class::frames};
  frame_number next_;        // guarded by lock_: frames from here on were never used
  frame_number zeroed_ = 0;  // guarded by lock_: the first free frame that holds nothing but zeros
  frame_set free_;           // guarded by lock_: the others
  std::size_t in_use_ = 0;   // guarded by lock_
};

}  // namespace trefoil::mm
