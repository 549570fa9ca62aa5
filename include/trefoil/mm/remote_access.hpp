// SPDX-License-Identifier: Apache-2.0
/// @file
/// Reading and writing the memory of an address space from outside of it: ptrace, /proc/PID/mem,
/// system calls that copy. (access_remote_vm, faultin_page, copy_from_user)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "trefoil/mm/fault.hpp"
#include "trefoil/mm/guest_memory.hpp"
#include "trefoil/mm/mappings.hpp"

namespace trefoil::mm {

/// Calls f(where in the page, bytes done, bytes) for each page, under the page_table lock: so the
/// page stays, and nobody starts to share it meanwhile, without a count being taken.
template <class P>
template <class F>
std::size_t mappings<P>::copy(std::uint64_t address, std::size_t bytes, access wanted, force how,
                              F&& f) noexcept {
  const unsigned needed = wanted == access::write ? vm_flag::write : vm_flag::read;
  const read_guard locked(owner_.mmap_lock());
  std::size_t done = 0;
  while (done < bytes) {
    const std::uint64_t at = address + done;
    const std::size_t n = std::min<std::size_t>(bytes - done, page_size - at % page_size);
    vm_area<P>* const v = at < user_end ? vmas_.lookup(at) : nullptr;
    if (v == nullptr || (how == force::no && !v->has(needed))) return done;
    for (bool copied = false; !copied;) {
      {
        const page_table_guard still(page_table_);
        const std::uint64_t* const entry = find_entry(frames(), pgd_.entries(), at);
        const std::uint64_t seen = entry == nullptr ? 0 : *entry;
        // A page that nobody shares may be written though the program itself may not.
        const bool own = v->is_private() && seen != 0 && frames().count(frame_of(seen)) == 1;
        if (seen != 0 && (wanted != access::write || own || (seen & entry_bit::writable) != 0)) {
          auto* const page = reinterpret_cast<std::byte*>(frames().table(frame_of(seen)));
          f(page + at % page_size, done, n);
          copied = true;
        }
      }
      if (copied) break;
      if (fault_in(*v, at & ~(page_size - 1), wanted, how) != fault_result::ok) return done;
    }
    done += n;
  }
  return done;
}

template <class P>
std::size_t mappings<P>::copy_from(std::uint64_t address, void* to, std::size_t bytes,
                                   force how) noexcept {
  return copy(address, bytes, access::read, how,
              [to](const std::byte* page, std::size_t done, std::size_t n) {
                copy_out(static_cast<std::byte*>(to) + done, page, n);
              });
}

template <class P>
std::size_t mappings<P>::copy_to(std::uint64_t address, const void* from, std::size_t bytes,
                                 force how) noexcept {
  return copy(address, bytes, access::write, how,
              [from](std::byte* page, std::size_t done, std::size_t n) {
                copy_in(page, static_cast<const std::byte*>(from) + done, n);
              });
}

}  // namespace trefoil::mm
