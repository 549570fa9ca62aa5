// SPDX-License-Identifier: Apache-2.0
/// @file
/// mremap: mappings that shrink, grow and move, their pages with them. (mm/mremap.c of Linux 6.17 and
/// later, which moves several VMAs at once)
///
/// ENOMEM has changed nothing, with exceptions that Linux has, too: what was mapped at a fixed place is
/// gone; of a mapping that moves and shrinks, the tail; of several VMAs, some may have moved.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "trefoil/mm/fault.hpp"
#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/mmap.hpp"

namespace trefoil::mm {

/// One request. (struct vma_remap_struct)
template <class P>
struct mappings<P>::remap {
  std::uint64_t start;
  std::uint64_t old_length;
  std::uint64_t new_length;
  std::uint64_t new_start;
  bool may_move;
  bool fixed;

  [[nodiscard]] bool grows() const noexcept { return new_length > old_length; }
  [[nodiscard]] bool shrinks() const noexcept { return new_length < old_length; }

  /// What can be said without a look at the VMAs. (check_mremap_params)
  [[nodiscard]] bool sensible() const noexcept {
    if (!detail::page_aligned(start) || new_length == 0 || new_length > user_end) return false;
    if (!fixed) return true;
    const bool overlap = start + old_length > new_start && new_start + new_length > start;
    return new_start <= user_end - new_length && detail::page_aligned(new_start) && may_move &&
           !overlap;
  }
  /// And with one. (check_prep_vma)
  [[nodiscard]] error fits(const vm_area<P>* v) const noexcept {
    if (v == nullptr) return error::efault;
    if (!grows() && !fixed) return error::none;
    // Once upon a time a way to map shared memory twice; of private memory there is no second.
    if (old_length == 0 && v->is_private()) return error::einval;
    const std::uint64_t moved = std::min(old_length, new_length);
    return moved > v->end - start ? error::efault : error::none;
  }
};

template <class P>
address_result mappings<P>::mremap(std::uint64_t start, std::uint64_t old_length,
                                   std::uint64_t new_length, unsigned flags,
                                   std::uint64_t new_start) noexcept {
  const remap r{start,     detail::page_align(old_length),       detail::page_align(new_length),
                new_start, (flags & mremap_flag::may_move) != 0, (flags & mremap_flag::fixed) != 0};
  if ((flags & ~(mremap_flag::may_move | mremap_flag::fixed)) != 0 || !r.sensible()) {
    return error::einval;
  }
  vma_reserve<P> reserve;
  std::size_t pieces = 1;  // VMAs that are moved; each may take one for itself, two to cut its old
                           // place out and two to make room for it
  for (;;) {
    if (!reserve.fill(5 * pieces + 2)) return error::enomem;
    const write_guard locked(owner_.mmap_lock());
    // The kernel's margin: what a move may need at most. (check_map_count_against_split_early)
    if (r.fixed && vmas_.size() + 4 > limit()) return error::enomem;
    if (r.fixed && r.old_length == r.new_length) {
      std::size_t found = 0;
      for (tree_iterator v = vmas_.find(start); v != vmas_.end() && v->start < start + r.old_length;
           ++v) {
        ++found;
      }
      if (found > pieces) {
        pieces = found;
        continue;
      }
      return move_all(r, reserve);
    }
    vm_area<P>* const v = vmas_.lookup(start);
    const error wrong = r.fits(v);
    if (wrong != error::none) return wrong;
    if (r.fixed) return move_to(r, reserve);
    if (r.grows()) return grow(r, *v, reserve);
    const error e = shrink(r, reserve);
    return e == error::none ? address_result(start) : address_result(e);
  }
}

/// What is behind it goes, whatever it is: other VMAs, too. (shrink_vma)
template <class P>
error mappings<P>::shrink(const remap& r, vma_reserve<P>& reserve) noexcept {
  if (!r.shrinks()) return error::none;
  if (r.old_length > user_end - r.start) return error::einval;
  return unmap(r.start + r.new_length, r.start + r.old_length, reserve);
}

/// In its place if there is room behind it, else elsewhere. (expand_vma)
template <class P>
address_result mappings<P>::grow(const remap& r, vm_area<P>& v, vma_reserve<P>& reserve) noexcept {
  const std::uint64_t more = r.new_length - r.old_length;
  if (r.start + r.old_length == v.end && more <= user_end - v.end &&
      !vmas_.any_in(v.end, v.end + more)) {
    v.end += more;
    vmas_.merge(vmas_.iterator_to(v), reserve);
    return r.start;
  }
  if (!r.may_move) return error::enomem;
  const address_result at = unmapped_area(r.new_length);
  if (!at) return at;
  remap elsewhere = r;
  elsewhere.new_start = at.address;
  return move(elsewhere, v, reserve);
}

/// Several VMAs, with the holes between them. (remap_move)
template <class P>
address_result mappings<P>::move_all(const remap& r, vma_reserve<P>& reserve) noexcept {
  const std::uint64_t end = r.start + r.old_length;
  tree_iterator v = vmas_.find(r.start);
  if (v == vmas_.end() || v->start > r.start || r.start >= end) return error::efault;
  while (v != vmas_.end() && v->start < end) {
    remap piece = r;
    piece.start = std::max(r.start, v->start);
    piece.old_length = piece.new_length = std::min(end, v->end) - piece.start;
    piece.new_start = r.new_start + (piece.start - r.start);
    const address_result moved = move_to(piece, reserve);
    if (!moved) return moved;
    v = vmas_.find(piece.start + piece.old_length);
  }
  return r.new_start;
}

/// To a given place, where room is made for it. (mremap_to)
template <class P>
address_result mappings<P>::move_to(remap r, vma_reserve<P>& reserve) noexcept {
  error wrong = unmap(r.new_start, r.new_start + r.new_length, reserve);
  if (wrong != error::none) return wrong;
  wrong = shrink(r, reserve);
  if (wrong != error::none) return wrong;
  r.old_length = std::min(r.old_length, r.new_length);
  vm_area<P>* const v = vmas_.lookup(r.start);
  if (v == nullptr) return error::efault;
  return move(r, *v, reserve);
}

/// Precondition: nothing is mapped at the new place. (move_vma)
template <class P>
address_result mappings<P>::move(const remap& r, vm_area<P>& v, vma_reserve<P>& reserve) noexcept {
  if (vmas_.size() + 2 > limit()) return error::enomem;
  const vma_kind<P> kind = v.kind;
  const std::uint64_t page_offset = v.page_offset_at(r.start);
  const bool has_anon = v.has_anon;
  if (!move_pages(r.start, r.new_start, r.old_length)) return error::enomem;
  // From here on `v` may be another: the new one joins its neighbours, and that may be the old one.
  insert(r.new_start, r.new_start + r.new_length, kind, page_offset, has_anon, reserve);
  if (r.old_length != 0) {
    const error never = unmap(r.start, r.start + r.old_length, reserve);
    static_cast<void>(never);  // the limit was looked at before
  }
  return r.new_start;
}

/// Tables first, so that nothing has moved when there is no frame for one. False: just that.
/// (move_page_tables)
template <class P>
bool mappings<P>::move_pages(std::uint64_t from, std::uint64_t to, std::uint64_t bytes) noexcept {
  std::uint64_t* const top = pgd_.entries();
  bool ready = true;
  for_each_page(frames(), top, from, from + bytes, [&](std::uint64_t at, std::uint64_t&) {
    ready = ready && entry_for(frames(), top, at - from + to) != nullptr;
  });
  if (!ready) {
    free_tables_between(to, to + bytes);
    return false;
  }
  const invalidation<P> told(owner_, from, from + bytes);
  for_each_page(frames(), top, from, from + bytes, [&](std::uint64_t at, std::uint64_t& entry) {
    *find_entry(frames(), top, at - from + to) = entry;
    entry = 0;
  });
  return true;
}

}  // namespace trefoil::mm
