// SPDX-License-Identifier: Apache-2.0
/// @file
/// A virtual memory area: a range of addresses that are mapped alike. (struct vm_area_struct)
#pragma once

#include <cstdint>
#include <utility>

#include <boost/intrusive/set_hook.hpp>

#include "trefoil/mm/file.hpp"
#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/ref.hpp"

namespace trefoil::mm {

/// The first address that is not user space's: as in Linux, the last page below 2^47 is not either
/// (the instruction after it would not be canonical). (TASK_SIZE)
inline constexpr std::uint64_t user_end = (std::uint64_t{1} << 47) - page_size;

/// What may be done with memory: arguments of mmap() and mprotect(), numbered as in Linux. (PROT_*)
namespace prot {
inline constexpr unsigned none = 0;
inline constexpr unsigned read = 1;
inline constexpr unsigned write = 2;
inline constexpr unsigned exec = 4;
}  // namespace prot

/// How to map: arguments of mmap(), numbered as in Linux. (MAP_*)
namespace map_flag {
inline constexpr unsigned shared = 0x01;
inline constexpr unsigned privately = 0x02;
inline constexpr unsigned shared_validate = 0x03;
inline constexpr unsigned type_mask = 0x0F;
inline constexpr unsigned fixed = 0x10;
inline constexpr unsigned anonymous = 0x20;
inline constexpr unsigned noreserve = 0x4000;
inline constexpr unsigned stack = 0x2'0000;
inline constexpr unsigned fixed_noreplace = 0x10'0000;
}  // namespace map_flag

/// Flags of a VMA; the first three are those of `prot`. (VM_*)
namespace vm_flag {
inline constexpr unsigned read = 0x1;
inline constexpr unsigned write = 0x2;
inline constexpr unsigned exec = 0x4;
inline constexpr unsigned access = read | write | exec;
inline constexpr unsigned shared = 0x8;
inline constexpr unsigned may_write = 0x20;     ///< mprotect may add `write`
inline constexpr unsigned account = 0x10'0000;  ///< its pages are promised memory (overcommit)
inline constexpr unsigned noreserve = 0x20'0000;
/// There are none here; but MAP_STACK sets it, and what differs in it is not joined.
inline constexpr unsigned no_huge_page = 0x4000'0000;
}  // namespace vm_flag

/// What others see of a VMA: a line of /proc/PID/maps.
struct vma {
  std::uint64_t start;
  std::uint64_t end;     ///< the first address behind it
  unsigned flags;        ///< vm_flag
  std::uint64_t offset;  ///< in the file, in bytes; 0 for private anonymous memory
  const void* file;      ///< tells files apart; null: private anonymous

  [[nodiscard]] friend bool operator==(const vma&, const vma&) = default;
};

/// What makes two VMAs alike, wherever they are.
template <class P>
struct vma_kind {
  unsigned flags = 0;
  ref<file<P>> backing;  ///< shared anonymous memory has one; private anonymous memory has none
};

/// A VMA in the tree of its address space. mmap_lock guards it, except for `has_anon`.
template <class P>
struct vm_area
    : boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                      boost::intrusive::optimize_size<true>> {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  vma_kind<P> kind;
  /// Of `start`, in pages of the file; 0 without a file.
  std::uint64_t page_offset = 0;
  /// It has had pages of its own, which a fork must share and an mprotect not forget. Set under the
  /// page_table lock; read under it or under mmap_lock for writing. (vma->anon_vma)
  bool has_anon = false;
  vm_area* next_free = nullptr;  // in lists of those that are in no tree

  [[nodiscard]] bool has(unsigned flag) const noexcept { return (kind.flags & flag) != 0; }
  [[nodiscard]] bool is_private() const noexcept { return !has(vm_flag::shared); }
  /// No file stands behind it. (vma_is_anonymous)
  [[nodiscard]] bool is_anonymous() const noexcept { return !kind.backing; }

  /// Where in the file an address is, in pages; 0 without a file.
  [[nodiscard]] std::uint64_t page_offset_at(std::uint64_t address) const noexcept {
    return is_anonymous() ? 0 : page_offset + ((address - start) >> page_shift);
  }
  [[nodiscard]] bool alike(const vma_kind<P>& other) const noexcept {
    return kind.flags == other.flags && kind.backing == other.backing;
  }
  [[nodiscard]] vma seen() const noexcept {
    return {start, end, kind.flags, page_offset << page_shift, kind.backing.address()};
  }
};

}  // namespace trefoil::mm
