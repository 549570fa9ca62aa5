// SPDX-License-Identifier: Apache-2.0
/// @file
/// The end of mappings, by their last user or by the OOM reaper. (mm/mmap.c exit_mmap,
/// mm/oom_kill.c __oom_reap_task_mm)
#pragma once

#include <cstddef>
#include <cstdint>

#include "trefoil/mm/invalidation.hpp"
#include "trefoil/mm/mappings.hpp"

namespace trefoil::mm {

/// In the kernel's order. The reaper may be inside, at the same pages, until the write lock is had:
/// see reap_view.hpp.
template <class P>
void mappings<P>::exit_mmap() noexcept {
  vma_reserve<P> gone;  // files are dropped after the lock
  {
    const write_guard locked(owner_.mmap_lock());
    owner_.notifiers().release();
  }
  {
    const read_guard locked(owner_.mmap_lock());
    for (const vm_area<P>& v : vmas_) {
      const invalidation<P> told(owner_, v.start, v.end);
      const page_table_guard table(page_table_);
      zap(v.start, v.end);
    }
    // From here on nobody looks for memory here. A reaper that comes later sees the flag, because
    // it takes mmap_lock after we released it; one that is inside holds it.
    owner_.flags().set(mmf::oom_skip);
  }
  const write_guard locked(owner_.mmap_lock());
  // Whoever holds the identity may have subscribed meanwhile.
  if (owner_.notifiers().any()) owner_.notifiers().release();
  // Tables that two VMAs share go with the second: below it nothing is mapped any more.
  typename frame_allocator<P>::zeroed_batch tables(frames());
  for (tree_iterator v = vmas_.begin(); v != vmas_.end();) {
    const std::uint64_t start = v->start;
    const std::uint64_t end = v->end;
    ++v;
    const std::uint64_t ceiling =
        v == vmas_.end() ? kernel<P>::user_entries * span_of_entry(top_level) : v->start;
    free_tables(frames(), tables, pgd_.entries(), start, end, 0, ceiling);
  }
  vmas_.clear(gone);
  owner_.publish(nullptr);
}

/// mmap_lock is held for reading, MMF_OOM_SKIP is clear. Files are not the victim's alone: their
/// shared pages stay. (__oom_reap_task_mm)
template <class P>
std::size_t mappings<P>::reap_private_pages(reap_view& self) noexcept {
  auto& me = static_cast<mappings&>(self);
  me.owner_.flags().set(mmf::unstable);  // before the first page goes: see install()
  std::size_t pages = 0;
  for (const vm_area<P>& v : me.vmas_) {
    if (!v.is_private()) continue;
    const invalidation<P> told(me.owner_, v.start, v.end);
    const page_table_guard locked(me.page_table_);
    pages += free_pages(me.frames(), me.pgd_.entries(), v.start, v.end);
  }
  return pages;
}

}  // namespace trefoil::mm
