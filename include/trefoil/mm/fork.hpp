// SPDX-License-Identifier: Apache-2.0
/// @file
/// fork: a second address space with the same contents, copied page by page when one of the two
/// writes. (kernel/fork.c dup_mm, dup_mmap; mm/memory.c copy_page_range)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "trefoil/make.hpp"
#include "trefoil/mm/address_space.hpp"
#include "trefoil/mm/mappings.hpp"

namespace trefoil::mm {

/// A copy of an address space, with the same owner, dumpability and kernel; `number` is its own.
/// Empty: no memory, and nothing is left of it; the parent is unharmed.
///
/// Context: `process`. The parent's mmap_lock is held for writing while its VMAs and the entries of
/// its private pages are copied: O(VMAs + private pages present). (dup_mm)
template <class P>
[[nodiscard]] ref<address_space<P>, mappings<P>>
fork(const ref<address_space<P>, mappings<P>>& parent, std::uint64_t number) noexcept {
  identity<P>& who = parent.template at<identity<P>>();
  ref<address_space<P>, mappings<P>> child =
      try_make<address_space<P>>(who.machine(), who.user_ns(), number);
  if (!child) return {};
  child.template at<identity<P>>().set_dumpability(who.dumpability());
  if (child->dup_mmap(*parent) != error::none) child.drop();
  return child;
}

template <class P>
error mappings<P>::dup_mmap(mappings& parent) noexcept {
  vma_reserve<P> reserve;
  for (;;) {
    if (!reserve.fill(parent.map_count())) return error::enomem;
    const write_guard locked(parent.owner_.mmap_lock());
    if (reserve.size() < parent.vmas_.size()) continue;  // it has grown since
    // One that was reaped has zeros where it had data; its child must not live on them.
    if (parent.owner_.flags().test(mmf::unstable)) return error::enomem;
    start_brk_ = parent.start_brk_;
    brk_ = parent.brk_;
    holes_ = parent.holes_;
    for (vm_area<P>& v : parent.vmas_) {
      vm_area<P>& mine = reserve.take();
      mine.start = v.start;
      mine.end = v.end;
      mine.kind = v.kind;
      mine.page_offset = v.page_offset;
      mine.has_anon = v.has_anon;
      vmas_.push_back(mine);
      // What is not written to is found in the file again. (vma_needs_copy)
      if (!v.is_private() || !v.has_anon) continue;
      const invalidation<P> told(parent.owner_, v.start, v.end);
      const error wrong = copy_pages(parent, v);
      if (wrong != error::none) return wrong;
    }
    return error::none;
  }
}

/// Both may read from now on, and neither may write without a fault. Nobody else can be at the
/// child's tables: it is not known yet; nor at the parent's, whose mmap_lock is held for writing. A
/// table at a time: O(pages present), some 2 ns each. (copy_page_range, copy_pte_range)
template <class P>
error mappings<P>::copy_pages(mappings& parent, vm_area<P>& v) noexcept {
  frame_allocator<P>& all = frames();
  error result = error::none;
  for_each_table(all, parent.pgd_.entries(), v.start, v.end,
                 [&](std::uint64_t at, std::uint64_t* entries, std::size_t n) {
                   const std::uint64_t* const end = entries + n;
                   std::uint64_t* const present =
                       std::find_if(entries, entries + n, [](std::uint64_t e) { return e != 0; });
                   if (present == end || result != error::none) return;
                   std::uint64_t* mine = entry_for(all, pgd_.entries(), at);
                   if (mine == nullptr) {
                     result = error::enomem;
                     return;
                   }
                   mine += present - entries;
                   for (std::uint64_t* entry = present; entry != end; ++entry, ++mine) {
                     if (*entry == 0) continue;
                     if ((*entry & entry_bit::writable) != 0) *entry &= ~entry_bit::writable;
                     all.get_locked(frame_of(*entry));
                     *mine = *entry;
                   }
                 });
  return result;
}

}  // namespace trefoil::mm
