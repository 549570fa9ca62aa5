// SPDX-License-Identifier: Apache-2.0
/// @file
/// Files in memory, for shared and file-backed mappings: what memfd_create(2) gives, and what stands
/// behind shared anonymous memory (shmem).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/guest_memory.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/mm/page_table.hpp"
#include "trefoil/mm/spinlock.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::mm {

/// The one tier of a file: its pages, each a counted frame, of which the file itself holds one count.
/// Pages come into being, zeroed, when they are first needed; a file grows and does not shrink (to
/// take pages away from mappings needs the way back from pages to mappings, which is not here).
///
/// Pages are found as those of an address space are: through tables of up to four levels in frames,
/// no more levels than the size needs.
///
/// Teardown: at level `process`: it takes as long as there are pages. A VMA that goes under mmap_lock
/// drops its file after it. (shmem inode, fput's delayed work)
template <class P>
class file_contents {
 public:
  static constexpr auto teardown = context::process;
  static constexpr std::uint64_t max_bytes = span_of_entry(top_level) * table_entries;

  /// `bytes` at most max_bytes; more is cut.
  file_contents(kernel<P>& machine, std::uint64_t bytes) noexcept
      : frames_(machine.frames()), bytes_(std::min(bytes, max_bytes)) {
    while (reach(levels_) < bytes_.load(std::memory_order_relaxed)) ++levels_;
  }
  ~file_contents() {
    if (top_ == physical{0}) return;
    free_pages(frames_, frames_.table(top_), 0, reach(levels_), levels_);
    typename frame_allocator<P>::zeroed_batch gone(frames_);
    if (levels_ > 1) {
      free_tables(frames_, gone, frames_.table(top_), 0, reach(levels_), 0, reach(levels_),
                  levels_);
    }
    gone.put(top_);
  }
  file_contents(const file_contents&) = delete;
  file_contents& operator=(const file_contents&) = delete;

  /// Context: any. Relaxed: a size seen is one that the file had, and it never shrinks.
  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

  /// Makes the file longer; what is new reads as zeros. False: it would become shorter, longer than
  /// max_bytes, or there is no frame. Context: `atomic` and above. (ftruncate)
  [[nodiscard]] bool grow(std::uint64_t bytes) noexcept {
    const typename spinlock<P>::guard locked(lock_);
    if (bytes < bytes_.load(std::memory_order_relaxed) || bytes > max_bytes) return false;
    while (reach(levels_) < bytes) {
      if (top_ != physical{0}) {
        const physical above = frames_.allocate();
        if (above == physical{0}) return false;  // one level more than needed does no harm
        *frames_.table(above) = static_cast<std::uint64_t>(top_) | entry_bit::present;
        top_ = above;
      }
      ++levels_;
    }
    bytes_.store(bytes, std::memory_order_relaxed);
    return true;
  }

  /// Page `index`, made if it is not there, with one more count: the caller's. physical{0}: no frame.
  /// Precondition: it begins within the file. Context: `atomic` and above. (shmem_get_folio)
  [[nodiscard]] physical page(std::uint64_t index) noexcept {
    const typename spinlock<P>::guard locked(lock_);
    if (top_ == physical{0}) {
      top_ = frames_.allocate();
      if (top_ == physical{0}) return physical{0};
    }
    std::uint64_t* const entry =
        entry_for(frames_, frames_.table(top_), index << page_shift, levels_);
    if (entry == nullptr) return physical{0};
    if (*entry == 0) {
      const physical fresh = frames_.allocate();
      if (fresh == physical{0}) return physical{0};
      *entry = static_cast<std::uint64_t>(fresh) | entry_bit::present;
    }
    const physical found = frame_of(*entry);
    frames_.get(found);
    return found;
  }

  /// As pread(2): the bytes that could be copied; fewer at the end of the file or without a frame.
  std::size_t read(std::uint64_t at, void* to, std::size_t bytes) noexcept {
    return copy(at, bytes, [&](std::byte* page, std::size_t done, std::size_t n) {
      copy_out(static_cast<std::byte*>(to) + done, page, n);
    });
  }
  /// As pwrite(2) within the file: it does not grow by writing.
  std::size_t write(std::uint64_t at, const void* from, std::size_t bytes) noexcept {
    return copy(at, bytes, [&](std::byte* page, std::size_t done, std::size_t n) {
      copy_in(page, static_cast<const std::byte*>(from) + done, n);
    });
  }

 private:
  /// Bytes that tables of so many levels can hold.
  [[nodiscard]] static constexpr std::uint64_t reach(int levels) noexcept {
    return span_of_entry(levels) * table_entries;
  }

  template <class F>
  std::size_t copy(std::uint64_t at, std::size_t wanted, F&& f) noexcept {
    const std::uint64_t size = bytes();
    if (at >= size) return 0;
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, size - at));
    std::size_t done = 0;
    while (done < wanted) {
      const std::size_t offset = (at + done) % page_size;
      const std::size_t n = std::min(wanted - done, page_size - offset);
      const physical frame = page((at + done) >> page_shift);
      if (frame == physical{0}) break;
      f(reinterpret_cast<std::byte*>(frames_.table(frame)) + offset, done, n);
      frames_.put(frame);
      done += n;
    }
    return done;
  }

  frame_allocator<P>& frames_;
  spinlock<P> lock_{lock_class::file};
  typename P::template atomic<std::uint64_t> bytes_;  // changed under lock_
  physical top_{0};                                   // guarded by lock_; physical{0}: no page yet
  int levels_ = 1;                                    // guarded by lock_
};

/// A file is a staged object of one tier: `make<file<P>>(kernel, bytes)`.
template <class P>
using file = basic_staged<typename P::namespace_traits, file_contents<P>>;

}  // namespace trefoil::mm
