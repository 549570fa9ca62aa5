// SPDX-License-Identifier: Apache-2.0
/// @file
/// The outermost tier of an address space: what is mapped where, and the page tables for it.
///
/// | calls                              | defined in         | mmap_lock               | page_table lock |
/// | ---------------------------------- | ------------------ | ----------------------- | --------------- |
/// | mmap, munmap                       | mmap.hpp           | for writing             | -               |
/// | mprotect                           | mprotect.hpp       | for writing             | -               |
/// | mremap                             | mremap.hpp         | for writing             | -               |
/// | brk                                | brk.hpp            | for writing             | -               |
/// | fault                              | fault.hpp          | for reading             | for each look   |
/// | copy_from, copy_to                 | remote_access.hpp  | for reading             | for each page   |
/// | dup_mmap                           | fork.hpp           | the parent's, for writing | -             |
/// | identity::reap                     | exit.hpp           | for reading             | while it walks  |
/// | the teardown                       | exit.hpp           | for reading, then for writing | while it unmaps |
///
/// So page tables change under mmap_lock for writing, or for reading with the page_table lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "trefoil/context.hpp"
#include "trefoil/mm/error.hpp"
#include "trefoil/mm/file.hpp"
#include "trefoil/mm/hole_cache.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/page_directory.hpp"
#include "trefoil/mm/page_table.hpp"
#include "trefoil/mm/vma_tree.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::mm {

/// What a file mapping maps. (the fd and offset arguments of mmap(2))
template <class P>
struct backing {
  ref<file<P>> what;         ///< empty: no file was given
  std::uint64_t offset = 0;  ///< in bytes
  bool writable = true;      ///< the file was opened for writing
};

/// What somebody wants to do with memory.
enum class access : std::uint8_t { read, write, exec };

/// Whether a fault was resolved, and if not, what the program gets. (vm_fault_t, si_code)
enum class fault_result : std::uint8_t {
  ok,
  not_mapped,     ///< SIGSEGV, SEGV_MAPERR
  not_permitted,  ///< SIGSEGV, SEGV_ACCERR
  bus_error,      ///< SIGBUS: behind the end of the file, or reaped
  no_memory,      ///< the OOM killer's turn (VM_FAULT_OOM)
};

/// Whether permissions count: ptrace and /proc/PID/mem read what is mapped without PROT_READ and
/// write into private read-only mappings. (FOLL_FORCE)
enum class force : bool { no, yes };

/// mremap's flags, numbered as in Linux.
namespace mremap_flag {
inline constexpr unsigned may_move = 1;
inline constexpr unsigned fixed = 2;
}  // namespace mremap_flag

/// The address space as its users see it. Its calls may be made by any number of threads at once,
/// all at level `process`: they may wait for mmap_lock. They follow Linux in what they do and in how
/// they fail; a call that says ENOMEM for want of memory has changed nothing, but for
/// mremap (mremap.hpp).
///
/// Left out, and refused where somebody asks for it: huge pages, VM_GROWSDOWN, mlock, protection
/// keys, swap, MREMAP_DONTUNMAP. Left out silently: the zero page (a read of fresh memory takes a
/// frame), resource limits and the commit limit (nothing is ever refused for being too much).
///
/// Teardown: at level `process`: it sleeps on mmap_lock and takes as long as there is memory to give
/// back. Pages and page tables go; the page directory's own frame stays, empty in its user half,
/// for CPUs that have it loaded. (exit_mmap)
template <class P>
class mappings : reap_view {
 public:
  static constexpr auto teardown = context::process;
  /// What outlives it, often for long, does not keep its room.
  static constexpr auto placement = trefoil::placement::outside;

  mappings(page_directory<P>& pgd, identity<P>& owner) noexcept
      : reap_view{&reap_private_pages}, pgd_(pgd), owner_(owner) {
    owner_.publish(this);
    owner_.machine().ledger().mappings_born(owner_.note());
  }
  ~mappings() {
    exit_mmap();
    owner_.machine().ledger().mappings_gone(owner_.note());
  }
  mappings(const mappings&) = delete;
  mappings& operator=(const mappings&) = delete;

  // ---- what is mapped ----------------------------------------------------------------------------

  /// mmap(2). `protection` and `flags` are those of namespaces prot and map_flag, others as Linux
  /// has them; a file is mapped unless map_flag::anonymous is set. O(log n) and what it replaces; a
  /// place is mostly found at once (hole_cache.hpp). (do_mmap)
  address_result mmap(std::uint64_t hint, std::uint64_t length, unsigned protection, unsigned flags,
                      const backing<P>& from = {}) noexcept;

  /// munmap(2). Takes out what is mapped there, if anything is. (do_munmap)
  [[nodiscard]] error munmap(std::uint64_t start, std::uint64_t length) noexcept;

  /// mprotect(2). At a hole it stops with ENOMEM; what comes before has changed. (do_mprotect_pkey)
  [[nodiscard]] error mprotect(std::uint64_t start, std::uint64_t length,
                               unsigned protection) noexcept;

  /// mremap(2), but for MREMAP_DONTUNMAP. (do_mremap)
  address_result mremap(std::uint64_t start, std::uint64_t old_length, std::uint64_t new_length,
                        unsigned flags, std::uint64_t new_start = 0) noexcept;

  /// brk(2): moves the end of the heap, and returns where it is then: where it was, if it could not
  /// be moved. (sys_brk)
  std::uint64_t brk(std::uint64_t wanted) noexcept;
  /// Where the heap begins, empty: exec says so. (mm->start_brk)
  void set_start_brk(std::uint64_t start) noexcept;

  /// The highest address that mmap chooses by itself; from there downwards. exec says so.
  /// Multiple of page_size. (mm->mmap_base)
  void set_mmap_base(std::uint64_t base) noexcept;

  // ---- what is present ---------------------------------------------------------------------------

  /// A program has touched what its page tables do not let it: makes the page present, gives it a
  /// copy of its own, or says why not. (handle_mm_fault, do_user_addr_fault)
  [[nodiscard]] fault_result fault(std::uint64_t address, access wanted = access::read) noexcept;

  /// Reads and writes as the program itself would, page by page through the tables, and faults in
  /// what is not there. Returns the bytes copied: fewer if something is not mapped, not permitted or
  /// has no frame. Concurrent accesses to the same bytes are as on any machine: bytes of one or of
  /// the other. (access_remote_vm)
  std::size_t copy_from(std::uint64_t address, void* to, std::size_t bytes,
                        force how = force::no) noexcept;
  std::size_t copy_to(std::uint64_t address, const void* from, std::size_t bytes,
                      force how = force::no) noexcept;

  // ---- fork --------------------------------------------------------------------------------------

  /// Becomes a copy of `parent`: its VMAs, and its private pages, shared until one of the two writes.
  /// Precondition: this one is new, nobody else knows it. ENOMEM: drop it; the parent is unharmed (a
  /// page that stayed write-protected becomes writable at its next write, without a copy).
  /// fork.hpp has the whole call. (dup_mmap)
  [[nodiscard]] error dup_mmap(mappings& parent) noexcept;

  // ---- what can be seen --------------------------------------------------------------------------

  /// Calls f(const vma&) for each VMA in order, mmap_lock held for reading. (/proc/PID/maps)
  template <class F>
  void for_each_vma(F&& f) const {
    const read_guard locked(owner_.mmap_lock());
    for (const vm_area<P>& v : vmas_) f(v.seen());
  }
  /// All of them, at one moment. Throws std::bad_alloc. For diagnosis.
  [[nodiscard]] std::vector<vma> vmas() const {
    std::vector<vma> seen;
    seen.reserve(map_count());
    for_each_vma([&](const vma& v) { seen.push_back(v); });
    return seen;
  }
  /// (mm->map_count)
  [[nodiscard]] std::size_t map_count() const noexcept {
    const read_guard locked(owner_.mmap_lock());
    return vmas_.size();
  }
  [[nodiscard]] std::uint64_t start_brk() const noexcept { return start_brk_; }

 private:
  using read_guard = typename rw_semaphore<P>::read_guard;
  using write_guard = typename rw_semaphore<P>::write_guard;
  using page_table_guard = typename spinlock<P>::guard;
  using tree_iterator = typename vma_tree<P>::iterator;
  struct remap;  // mremap.hpp

  [[nodiscard]] frame_allocator<P>& frames() const noexcept { return owner_.machine().frames(); }
  [[nodiscard]] std::size_t limit() const noexcept { return owner_.machine().max_map_count(); }

  // mmap_lock is held for writing:
  address_result choose_address(std::uint64_t hint, std::uint64_t length, bool fixed) noexcept;
  address_result unmapped_area(std::uint64_t length) noexcept;
  [[nodiscard]] error unmap(std::uint64_t start, std::uint64_t end,
                            vma_reserve<P>& reserve) noexcept;
  tree_iterator insert(std::uint64_t start, std::uint64_t end, const vma_kind<P>& kind,
                       std::uint64_t page_offset, bool has_anon, vma_reserve<P>& reserve) noexcept;
  void zap(std::uint64_t start, std::uint64_t end) noexcept;
  void free_tables_between(std::uint64_t start, std::uint64_t end) noexcept;
  [[nodiscard]] error change_protection(tree_iterator& v, std::uint64_t start, std::uint64_t end,
                                        unsigned protection, vma_reserve<P>& reserve) noexcept;
  address_result move(const remap& r, vm_area<P>& v, vma_reserve<P>& reserve) noexcept;
  address_result move_all(const remap& r, vma_reserve<P>& reserve) noexcept;
  address_result move_to(remap r, vma_reserve<P>& reserve) noexcept;
  [[nodiscard]] error shrink(const remap& r, vma_reserve<P>& reserve) noexcept;
  address_result grow(const remap& r, vm_area<P>& v, vma_reserve<P>& reserve) noexcept;
  [[nodiscard]] bool move_pages(std::uint64_t from, std::uint64_t to, std::uint64_t bytes) noexcept;
  [[nodiscard]] error copy_pages(mappings& parent, vm_area<P>& v) noexcept;

  // mmap_lock is held for reading or writing:
  [[nodiscard]] fault_result fault_in(vm_area<P>& v, std::uint64_t address, access wanted,
                                      force how) noexcept;
  [[nodiscard]] fault_result missing_page(vm_area<P>& v, std::uint64_t address, access wanted,
                                          std::uint64_t* entry) noexcept;
  [[nodiscard]] fault_result install(vm_area<P>& v, std::uint64_t address, physical page, bool own,
                                     std::uint64_t* entry) noexcept;
  [[nodiscard]] fault_result write_to_shared_frame(vm_area<P>& v, std::uint64_t address,
                                                   std::uint64_t seen) noexcept;
  template <class F>
  std::size_t copy(std::uint64_t address, std::size_t bytes, access wanted, force how,
                   F&& f) noexcept;

  void exit_mmap() noexcept;
  static std::size_t reap_private_pages(reap_view& self) noexcept;

  [[nodiscard]] static std::uint64_t entry_bits(const vm_area<P>& v, bool writable) noexcept;

  page_directory<P>& pgd_;
  identity<P>& owner_;
  vma_tree<P> vmas_;             // guarded by mmap_lock
  hole_cache<P> holes_;          // guarded by mmap_lock
  std::uint64_t start_brk_ = 0;  // set before the address space is used
  std::uint64_t brk_ = 0;        // guarded by mmap_lock
  spinlock<P> page_table_{lock_class::page_table};
};

}  // namespace trefoil::mm
