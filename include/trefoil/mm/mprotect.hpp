// SPDX-License-Identifier: Apache-2.0
/// @file
/// mprotect. (mm/mprotect.c)
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "trefoil/mm/fault.hpp"
#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/mmap.hpp"

namespace trefoil::mm {

namespace detail {

/// PROT_SEM, which means nothing, is all that mprotect lets through beside the three.
inline constexpr unsigned protections_known = prot::read | prot::write | prot::exec | 0x8;

}  // namespace detail

template <class P>
error mappings<P>::mprotect(std::uint64_t start, std::uint64_t length,
                            unsigned protection) noexcept {
  if (!detail::page_aligned(start)) return error::einval;
  if (length == 0) return error::none;
  const std::uint64_t end = start + detail::page_align(length);
  if (end <= start) return error::enomem;
  if ((protection & ~detail::protections_known) != 0) return error::einval;

  vma_reserve<P> reserve(2);  // the first VMA and the last may have to be cut
  if (reserve.size() != 2) return error::enomem;
  const write_guard locked(owner_.mmap_lock());
  std::uint64_t at = start;
  tree_iterator v = vmas_.find(start);
  while (at < end) {
    if (v == vmas_.end() || v->start > at) return error::enomem;
    if ((protection & prot::write) != 0 && !v->has(vm_flag::may_write)) return error::eacces;
    const std::uint64_t to = std::min(end, v->end);
    const error wrong = change_protection(v, at, to, protection, reserve);
    if (wrong != error::none) return wrong;
    at = v->end;
    ++v;
  }
  return error::none;
}

/// [start, end) of one VMA; `v` is what it has become then. (mprotect_fixup)
template <class P>
error mappings<P>::change_protection(tree_iterator& v, std::uint64_t start, std::uint64_t end,
                                     unsigned protection, vma_reserve<P>& reserve) noexcept {
  vma_kind<P> changed = v->kind;
  changed.flags = (changed.flags & ~vm_flag::access) | (protection & vm_flag::access);
  if (changed.flags == v->kind.flags) return error::none;
  // What becomes writable is promised memory from then on. Nobody counts which of it was ever
  // written, so the promise stays when it is made read-only again; unless none of it can have been.
  if ((changed.flags & vm_flag::write) != 0) {
    if (detail::accountable(v->kind.flags | vm_flag::write)) changed.flags |= vm_flag::account;
  } else if (v->is_anonymous() && !v->has_anon) {
    changed.flags &= ~vm_flag::account;
  }
  const tree_iterator become = vmas_.change(v, start, end, changed, limit(), reserve);
  if (become == vmas_.end()) return error::enomem;
  v = become;
  // Permissions that grow are granted by the next fault; those that shrink, at once.
  const invalidation<P> told(owner_, start, end);
  const std::uint64_t keep = entry_address;
  for_each_page(frames(), pgd_.entries(), start, end, [&](std::uint64_t, std::uint64_t& entry) {
    entry = (entry & keep) | entry_bits(*v, (entry & entry_bit::writable) != 0);
  });
  return error::none;
}

}  // namespace trefoil::mm
