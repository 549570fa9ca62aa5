// SPDX-License-Identifier: Apache-2.0
/// @file
/// mmap and munmap. (mm/mmap.c, mm/vma.c)
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "trefoil/make.hpp"
#include "trefoil/mm/invalidation.hpp"
#include "trefoil/mm/mappings.hpp"

namespace trefoil::mm {

/// The lowest address that mmap chooses or takes a hint for. (vm.mmap_min_addr, as distributions
/// have it; callers are privileged: with map_flag::fixed they may map below)
inline constexpr std::uint64_t mmap_min_addr = 0x1'0000;

namespace detail {

[[nodiscard]] constexpr std::uint64_t page_align(std::uint64_t bytes) noexcept {
  return (bytes + page_size - 1) & ~(page_size - 1);  // may wrap to 0, as Linux's does
}
[[nodiscard]] constexpr bool page_aligned(std::uint64_t address) noexcept {
  return address % page_size == 0;
}

/// Flags that change what a mapping is and that this layer has not: MAP_32BIT, MAP_GROWSDOWN,
/// MAP_LOCKED, MAP_HUGETLB.
inline constexpr unsigned map_flags_left_out = 0x40 | 0x100 | 0x2000 | 0x4'0000;
/// What MAP_SHARED_VALIDATE lets through. (LEGACY_MAP_MASK)
inline constexpr unsigned map_flags_validated = 0x3F | 0x40 | 0x80 | 0x100 | 0x800 | 0x1000 |
                                                0x2000 | 0x4000 | 0x8000 | 0x1'0000 | 0x2'0000 |
                                                0x4'0000 | 0xFC00'0000;

/// Private writable memory counts against what the machine may promise. (accountable_mapping)
[[nodiscard]] constexpr bool accountable(unsigned flags) noexcept {
  return (flags & (vm_flag::noreserve | vm_flag::shared | vm_flag::write)) == vm_flag::write;
}

/// The type of an anonymous mapping is one that exists.
[[nodiscard]] constexpr bool anonymous_type_exists(unsigned type) noexcept {
  return type == map_flag::shared || type == map_flag::privately;
}

/// Files: the flags fit together, and what is asked was allowed when the file was opened.
[[nodiscard]] constexpr error check_file_mapping(unsigned protection, unsigned flags,
                                                 std::uint64_t offset, std::uint64_t length,
                                                 bool writable) noexcept {
  constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (length > last || offset > ((last - length) & ~(page_size - 1))) return error::eoverflow;
  const unsigned type = flags & map_flag::type_mask;
  if (type == map_flag::privately) return error::none;
  if (type == map_flag::shared_validate && (flags & ~map_flags_validated) != 0) {
    return error::eopnotsupp;
  }
  if (type != map_flag::shared && type != map_flag::shared_validate) return error::einval;
  return (protection & prot::write) != 0 && !writable ? error::eacces : error::none;
}

}  // namespace detail

template <class P>
address_result mappings<P>::mmap(std::uint64_t hint, std::uint64_t length, unsigned protection,
                                 unsigned flags, const backing<P>& from) noexcept {
  const bool anonymous = (flags & map_flag::anonymous) != 0;
  const bool noreplace = (flags & map_flag::fixed_noreplace) != 0;
  const bool fixed = noreplace || (flags & map_flag::fixed) != 0;
  if (!detail::page_aligned(from.offset)) return error::einval;
  if (!anonymous && !from.what) return error::ebadf;
  if ((flags & detail::map_flags_left_out) != 0 || length == 0) return error::einval;
  length = detail::page_align(length);
  if (length == 0) return error::enomem;
  const std::uint64_t offset = anonymous ? 0 : from.offset;

  vma_kind<P> kind;
  kind.flags = (protection & vm_flag::access) | vm_flag::may_write |
               ((flags & map_flag::noreserve) != 0 ? vm_flag::noreserve : 0) |
               ((flags & map_flag::stack) != 0 ? vm_flag::no_huge_page : 0);
  const unsigned type = flags & map_flag::type_mask;
  const bool shared = type == map_flag::shared || type == map_flag::shared_validate;
  if (shared) kind.flags |= vm_flag::shared;
  if (!anonymous) {
    kind.backing = from.what;
    if (shared && !from.writable) kind.flags &= ~vm_flag::may_write;
  } else if (shared && length <= user_end) {
    // A file of its own, made before the lock; without memory for it nothing has happened yet.
    // (shmem_zero_setup)
    kind.backing = try_make<file<P>>(owner_.machine(), length);
    if (!kind.backing) return error::enomem;
  }
  if (detail::accountable(kind.flags)) kind.flags |= vm_flag::account;

  vma_reserve<P> reserve(3);  // itself, and what MAP_FIXED cuts out of the middle of another
  const write_guard locked(owner_.mmap_lock());
  if (vmas_.size() > limit()) return error::enomem;
  const address_result at = choose_address(hint, length, fixed);
  if (!at) return at;
  const std::uint64_t end = at.address + length;
  if (noreplace && vmas_.any_in(at.address, end)) return error::eexist;
  if (anonymous) {
    if (!detail::anonymous_type_exists(type)) return error::einval;
  } else {
    const error wrong =
        detail::check_file_mapping(protection, flags, offset, length, from.writable);
    if (wrong != error::none) return wrong;
  }
  if (reserve.size() != 3) return error::enomem;
  const error obstacle = unmap(at.address, end, reserve);
  if (obstacle != error::none) return obstacle;
  insert(at.address, end, kind, offset >> page_shift, false, reserve);
  return at;
}

template <class P>
error mappings<P>::munmap(std::uint64_t start, std::uint64_t length) noexcept {
  if (!detail::page_aligned(start) || start > user_end || length > user_end - start ||
      length == 0) {
    return error::einval;
  }
  const std::uint64_t end = start + detail::page_align(length);
  vma_reserve<P> reserve(2);  // one VMA may have to be cut twice
  if (reserve.size() != 2) return error::enomem;
  const write_guard locked(owner_.mmap_lock());
  return unmap(start, end, reserve);
}

/// Where to map. (__get_unmapped_area, arch_get_unmapped_area_topdown)
template <class P>
address_result mappings<P>::choose_address(std::uint64_t hint, std::uint64_t length,
                                           bool fixed) noexcept {
  if (length > user_end) return error::enomem;
  if (fixed) {
    if (hint > user_end - length) return error::enomem;
    return detail::page_aligned(hint) ? address_result(hint) : address_result(error::einval);
  }
  hint &= ~(page_size - 1);
  if (hint != 0) {
    hint = std::max(hint, mmap_min_addr);
    if (hint <= user_end - length && !vmas_.any_in(hint, hint + length)) return hint;
  }
  return unmapped_area(length);
}

template <class P>
address_result mappings<P>::unmapped_area(std::uint64_t length) noexcept {
  std::uint64_t found = holes_.find_top_down(vmas_, length, mmap_min_addr);
  if (found == 0) found = holes_.find_bottom_up(vmas_, length);
  return found != 0 ? address_result(found) : address_result(error::enomem);
}

/// Takes [start, end) out: VMAs, pages, and the tables that are empty then. Takes up to two from the
/// reserve. (do_vmi_align_munmap)
template <class P>
error mappings<P>::unmap(std::uint64_t start, std::uint64_t end, vma_reserve<P>& reserve) noexcept {
  tree_iterator v = vmas_.find(start);
  if (v == vmas_.end() || v->start >= end) return error::none;
  if (v->start < start) {
    if (end < v->end && vmas_.size() >= limit()) return error::enomem;
    v = vmas_.split(v, start, reserve);
  }
  while (v != vmas_.end() && v->start < end) {
    if (v->end > end) vmas_.split(v, end, reserve);
    vm_area<P>& gone = *v;
    v = vmas_.erase(v);
    reserve.discard(gone);
  }
  {
    const invalidation<P> told(owner_, start, end);
    zap(start, end);
  }
  free_tables_between(start, end);
  holes_.appeared(vmas_.gap_floor(v), vmas_.gap_ceiling(v));
  return error::none;
}

template <class P>
void mappings<P>::zap(std::uint64_t start, std::uint64_t end) noexcept {
  free_pages(frames(), pgd_.entries(), start, end);
}

/// Precondition: nothing is mapped in [start, end).
template <class P>
void mappings<P>::free_tables_between(std::uint64_t start, std::uint64_t end) noexcept {
  const tree_iterator above = vmas_.find(start);
  typename frame_allocator<P>::zeroed_batch tables(frames());
  free_tables(frames(), tables, pgd_.entries(), start, end, vmas_.gap_floor(above),
              above == vmas_.end() ? kernel<P>::user_entries * span_of_entry(top_level)
                                   : above->start);
}

/// Precondition: nothing is mapped there. Takes one from the reserve. (__mmap_new_vma, copy_vma)
template <class P>
auto mappings<P>::insert(std::uint64_t start, std::uint64_t end, const vma_kind<P>& kind,
                         std::uint64_t page_offset, bool has_anon, vma_reserve<P>& reserve) noexcept
    -> tree_iterator {
  vm_area<P>& made = reserve.take();
  made.start = start;
  made.end = end;
  made.kind = kind;
  made.page_offset = made.is_anonymous() ? 0 : page_offset;
  made.has_anon = has_anon;
  return vmas_.merge(vmas_.insert(vmas_.find(start), made), reserve);
}

template <class P>
void mappings<P>::set_mmap_base(std::uint64_t base) noexcept {
  const write_guard locked(owner_.mmap_lock());
  holes_.set_base(base);
}

}  // namespace trefoil::mm
