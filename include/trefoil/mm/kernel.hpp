// SPDX-License-Identifier: Apache-2.0
/// @file
/// What all address spaces of one machine share: its memory, the list of all page directories, and
/// the half of the address space that is the kernel's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/platform.hpp"
#include "trefoil/mm/spinlock.hpp"

namespace trefoil::mm {

template <class P>
class page_directory;

/// One per machine; outlives every address space on it. platform.hpp says what P is.
///
/// Lock order: pgd_lock, then the frame allocator's lock.
template <class P>
class kernel {
  static_assert(detail::check_platform<P>::passed);

 public:
  using ledger_type = typename P::ledger;

  kernel(frame_allocator<P>& frames, ledger_type& ledger) noexcept
      : frames_(frames), ledger_(ledger) {}
  kernel(const kernel&) = delete;
  kernel& operator=(const kernel&) = delete;

  [[nodiscard]] frame_allocator<P>& frames() noexcept { return frames_; }
  [[nodiscard]] ledger_type& ledger() noexcept { return ledger_; }

  /// Mappings that one address space may have; to be set before there is one. (vm.max_map_count)
  [[nodiscard]] std::size_t max_map_count() const noexcept { return max_map_count_; }
  void set_max_map_count(std::size_t n) noexcept { max_map_count_ = n; }

  /// Changes an entry of the kernel half, here and in every page directory there is: the reason
  /// why pgd_list exists. `index` counts from the first kernel entry. (sync_global_pgds)
  /// Context: `atomic` and above.
  void set_kernel_entry(std::size_t index, std::uint64_t entry) noexcept {
    const typename spinlock<P>::guard locked(pgd_lock_);
    kernel_half_[index] = entry;
    for (page_directory<P>* pgd = pgd_list_; pgd != nullptr; pgd = pgd->next_) {
      frames_.table(pgd->frame())[user_entries + index] = entry;
    }
  }

  /// Page directories alive. Context: `atomic` and above. For diagnosis.
  [[nodiscard]] std::size_t page_directories() const noexcept {
    const typename spinlock<P>::guard locked(pgd_lock_);
    return listed_;
  }

  /// Entries of a page directory that belong to user space; the rest is the kernel half.
  static constexpr std::size_t user_entries = table_entries / 2;

 private:
  friend class page_directory<P>;

  frame_allocator<P>& frames_;
  ledger_type& ledger_;
  std::size_t max_map_count_ = 65530;
  mutable spinlock<P> pgd_lock_{lock_class::pgd_lock};
  page_directory<P>* pgd_list_ = nullptr;                                  // guarded by pgd_lock_
  std::size_t listed_ = 0;                                                 // guarded by pgd_lock_
  std::array<std::uint64_t, table_entries - user_entries> kernel_half_{};  // guarded by pgd_lock_
};

}  // namespace trefoil::mm
