// SPDX-License-Identifier: Apache-2.0
/// @file
/// The heap of old: one private mapping that grows and shrinks at its end. (mm/mmap.c, sys_brk)
#pragma once

#include <cstdint>

#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/mmap.hpp"

namespace trefoil::mm {

template <class P>
void mappings<P>::set_start_brk(std::uint64_t start) noexcept {
  const write_guard locked(owner_.mmap_lock());
  start_brk_ = brk_ = start;
}

template <class P>
std::uint64_t mappings<P>::brk(std::uint64_t wanted) noexcept {
  vma_reserve<P> reserve(2);
  const bool ready = reserve.size() == 2;
  const write_guard locked(owner_.mmap_lock());
  const std::uint64_t before = detail::page_align(brk_);
  const std::uint64_t after = detail::page_align(wanted);
  if (start_brk_ == 0 || wanted < start_brk_ || after < wanted || after > user_end) return brk_;
  if (before == after) return brk_ = wanted;
  if (!ready) return brk_;
  if (after < before) {
    if (!vmas_.any_in(after, before)) return brk_;
    if (unmap(after, before, reserve) != error::none) return brk_;
    return brk_ = wanted;
  }
  // A page stays free behind it.
  if (vmas_.any_in(before, after + page_size) || vmas_.size() > limit()) return brk_;
  vma_kind<P> heap;
  heap.flags = vm_flag::read | vm_flag::write | vm_flag::may_write | vm_flag::account;
  insert(before, after, heap, 0, false, reserve);
  return brk_ = wanted;
}

}  // namespace trefoil::mm
