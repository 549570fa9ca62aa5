// SPDX-License-Identifier: Apache-2.0
/// @file
/// Page frames: the physical memory of a machine, 4096 bytes at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "trefoil/mm/spinlock.hpp"

namespace trefoil::mm {

inline constexpr std::size_t page_shift = 12;
inline constexpr std::size_t page_size = std::size_t{1} << page_shift;
/// Entries of a page table of any level.
inline constexpr std::size_t table_entries = page_size / sizeof(std::uint64_t);

/// An address as page tables hold it: an offset into the region, a multiple of page_size.
enum class physical : std::uint64_t {};

/// Hands out zeroed frames of one contiguous region that somebody else owns. Frame 0 is never handed
/// out, so that physical{0} can mean "none".
///
/// Context of allocate() and free(): `atomic` and above (a short lock that is never taken at `any`).
template <class P>
class frame_allocator {
 public:
  /// `region` is aligned to page_size and at least two pages long.
  frame_allocator(std::byte* region, std::size_t bytes) noexcept
      : region_(region), frames_(bytes >> page_shift) {}
  frame_allocator(const frame_allocator&) = delete;
  frame_allocator& operator=(const frame_allocator&) = delete;

  /// A zeroed frame; physical{0} if there is none left. (get_zeroed_page)
  [[nodiscard]] physical allocate() noexcept {
    std::uint64_t* frame = nullptr;
    bool zeroed = true;
    {
      const typename spinlock<P>::guard locked(lock_);
      if (zeroed_ != 0) {
        frame = pop(zeroed_);
      } else if (free_ != 0) {
        frame = pop(free_);
        zeroed = false;
      } else if (next_ < frames_) {
        frame = table(physical{next_++ << page_shift});
        zeroed = false;
      } else {
        return physical{0};
      }
      ++in_use_;
    }
    if (!zeroed) std::memset(frame, 0, page_size);
    return address_of(frame);
  }

  /// Takes a frame back, whatever is in it. (free_page)
  void free(physical frame) noexcept { give_back(frame, free_); }

  /// Takes a frame back that holds nothing but zeros, as page tables do once they are empty: it need
  /// not be zeroed again. (quicklists had this for page tables)
  void free_zeroed(physical frame) noexcept { give_back(frame, zeroed_); }

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
  /// Frames are chained through their first words.
  std::uint64_t* pop(std::uint64_t& list) noexcept {
    std::uint64_t* const frame = table(physical{list});
    list = std::exchange(*frame, 0);
    return frame;
  }
  void give_back(physical frame, std::uint64_t& list) noexcept {
    const typename spinlock<P>::guard locked(lock_);
    *table(frame) = list;
    list = static_cast<std::uint64_t>(frame);
    --in_use_;
  }

  std::byte* const region_;
  const std::uint64_t frames_;
  mutable spinlock<P> lock_;
  std::uint64_t next_ = 1;    // guarded by lock_: frames from here on were never used
  std::uint64_t free_ = 0;    // guarded by lock_: the first free frame, 0: none
  std::uint64_t zeroed_ = 0;  // guarded by lock_: the same of those that hold zeros behind the link
  std::size_t in_use_ = 0;    // guarded by lock_
};

}  // namespace trefoil::mm
