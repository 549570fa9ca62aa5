// SPDX-License-Identifier: Apache-2.0
/// @file
/// Faults: pages come into being when they are touched, and are copied when one who shares them
/// writes. (arch/x86/mm/fault.c, mm/memory.c)
///
/// mmap_lock is held for reading, so VMAs stand still; other faults, and the reaper, change the
/// same tables. So each looks at an entry under the page_table lock, prepares without it, and takes
/// it again to see that the entry is as it was. (pte_same) Where the entry is stays as it was: tables
/// go under mmap_lock for writing only.
#pragma once

#include <cstdint>

#include "trefoil/mm/guest_memory.hpp"
#include "trefoil/mm/invalidation.hpp"
#include "trefoil/mm/mappings.hpp"

namespace trefoil::mm {

/// Bits of an entry for a page of that VMA. x86 has no memory that may be written or executed and
/// not be read; what may not be touched at all is not present.
template <class P>
std::uint64_t mappings<P>::entry_bits(const vm_area<P>& v, bool writable) noexcept {
  if (!v.has(vm_flag::access)) return entry_bit::no_access | entry_bit::no_execute;
  return entry_bit::present | entry_bit::user |
         (writable && v.has(vm_flag::write) ? entry_bit::writable : 0) |
         (v.has(vm_flag::exec) ? 0 : entry_bit::no_execute);
}

template <class P>
fault_result mappings<P>::fault(std::uint64_t address, access wanted) noexcept {
  const read_guard locked(owner_.mmap_lock());
  vm_area<P>* const v = vmas_.lookup(address);
  if (v == nullptr) return fault_result::not_mapped;
  return fault_in(*v, address & ~(page_size - 1), wanted, force::no);
}

/// (access_error, is_cow_mapping, handle_pte_fault)
template <class P>
fault_result mappings<P>::fault_in(vm_area<P>& v, std::uint64_t address, access wanted,
                                   force how) noexcept {
  const unsigned needed = wanted == access::write  ? vm_flag::write
                          : wanted == access::exec ? vm_flag::exec
                                                   : vm_flag::access;
  if (!v.has(needed) && (how == force::no || (wanted == access::write && !v.is_private()))) {
    return fault_result::not_permitted;
  }
  std::uint64_t seen = 0;
  std::uint64_t* entry = nullptr;
  {
    const page_table_guard locked(page_table_);
    entry = find_entry(frames(), pgd_.entries(), address);
    if (entry != nullptr) seen = *entry;
    if (seen != 0 && wanted == access::write && !v.is_private()) {
      *entry |= entry_bits(v, true);  // shared memory became writable since
      return fault_result::ok;
    }
  }
  if (seen == 0) return missing_page(v, address, wanted, entry);
  if (wanted == access::write && (seen & entry_bit::writable) == 0) {
    return write_to_shared_frame(v, address, seen);
  }
  return fault_result::ok;  // another thread was here first
}

/// `entry`: where it is missing; null if there is no table for it yet.
/// (do_anonymous_page, do_read_fault, do_cow_fault, do_shared_fault)
template <class P>
fault_result mappings<P>::missing_page(vm_area<P>& v, std::uint64_t address, access wanted,
                                       std::uint64_t* entry) noexcept {
  if (v.is_anonymous()) {
    const physical fresh = frames().allocate();
    if (fresh == physical{0}) return fault_result::no_memory;
    return install(v, address, fresh, true, entry);
  }
  const std::uint64_t index = v.page_offset_at(address);
  if (index >= (v.kind.backing->bytes() + page_size - 1) >> page_shift) {
    return fault_result::bus_error;
  }
  const physical cached = v.kind.backing->page(index);
  if (cached == physical{0}) return fault_result::no_memory;
  if (!v.is_private() || wanted != access::write) return install(v, address, cached, false, entry);
  const physical copy = frames().allocate_uncleared();
  if (copy != physical{0}) copy_page(frames().table(copy), frames().table(cached));
  frames().put(cached);
  if (copy == physical{0}) return fault_result::no_memory;
  return install(v, address, copy, true, entry);
}

/// Takes over one count of `page`. `own`: it is this address space's alone, not the file's. `entry`:
/// as above.
template <class P>
fault_result mappings<P>::install(vm_area<P>& v, std::uint64_t address, physical page, bool own,
                                  std::uint64_t* entry) noexcept {
  fault_result result = fault_result::ok;
  {
    const page_table_guard locked(page_table_);
    if (entry == nullptr) entry = entry_for(frames(), pgd_.entries(), address);
    if (entry == nullptr) {
      result = fault_result::no_memory;
    } else if (owner_.flags().test(mmf::unstable)) {
      // The reaper sets the flag before it takes the lock: its walk comes after us, and takes the page
      // out again, or we see the flag here. (check_stable_address_space)
      result = fault_result::bus_error;
    } else if (*entry == 0) {
      *entry = static_cast<std::uint64_t>(page) | entry_bits(v, own || !v.is_private());
      v.has_anon = v.has_anon || own;
      return fault_result::ok;
    }
  }
  frames().put(page);
  return result;
}

/// A private page that others may have, too: if they have gone, it is ours; else a copy.
/// (do_wp_page, wp_page_reuse, wp_page_copy)
template <class P>
fault_result mappings<P>::write_to_shared_frame(vm_area<P>& v, std::uint64_t address,
                                                std::uint64_t seen) noexcept {
  const physical before = frame_of(seen);
  {
    const page_table_guard locked(page_table_);
    std::uint64_t* const entry = find_entry(frames(), pgd_.entries(), address);
    if (entry == nullptr || *entry != seen) return fault_result::ok;  // the program tries again
    if (frames().count(before) == 1) {
      *entry |= entry_bits(v, true);
      return fault_result::ok;
    }
    frames().get(before);
  }
  const physical copy = frames().allocate_uncleared();
  if (copy == physical{0}) {
    frames().put(before);
    return fault_result::no_memory;
  }
  copy_page(frames().table(copy), frames().table(before));
  physical unused = copy;
  {
    const invalidation<P> told(owner_, address, address + page_size);
    const page_table_guard locked(page_table_);
    std::uint64_t* const entry = find_entry(frames(), pgd_.entries(), address);
    if (entry != nullptr && *entry == seen) {
      *entry = static_cast<std::uint64_t>(copy) | entry_bits(v, true);
      v.has_anon = true;
      unused = before;
    }
  }
  frames().put(unused);
  frames().put(before);
  return fault_result::ok;
}

}  // namespace trefoil::mm
