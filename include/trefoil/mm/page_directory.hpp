// SPDX-License-Identifier: Apache-2.0
/// @file
/// The middle tier of an address space: its top-level page table, which a CPU keeps loaded while it
/// runs kernel threads (lazy TLB), mappings or not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::mm {

/// One frame: 256 entries for user space, 256 shared with every other page directory. On the
/// kernel's pgd_list as long as it exists, so that changes of the kernel half reach it.
///
/// Teardown: at level `atomic`. It takes pgd_lock, a plain spin lock: legal in the scheduler's tail,
/// a deadlock in an interrupt. (pgd_alloc, pgd_free of arch/x86/mm/pgtable.c)
template <class P>
class page_directory {
 public:
  static constexpr auto teardown = context::atomic;
  /// A lazy CPU may keep it by its slot instead of a count, where a reclaimer looks after that.
  static constexpr bool lazy_pins = runs_errands<typename P::traits::reclaimer, P>;
  /// An identity that outlives it is small.
  static constexpr auto placement = trefoil::placement::outside;

  explicit page_directory(identity<P>& owner) noexcept
      : owner_(owner), kernel_(owner.machine()), frame_(kernel_.frames().allocate()) {}

  /// False: no frame was to be had. Else the directory is on the list, with the kernel half in it.
  [[nodiscard]] static bool init(page_directory& pgd) noexcept {
    if (pgd.frame_ == physical{0}) return false;
    pgd.enlist();
    pgd.kernel_.ledger().page_directory_born(pgd.owner_.note());
    return true;
  }

  ~page_directory() {
    if (frame_ == physical{0}) return;  // init() refused
    delist();
    // The user half is empty: its mappings are gone.
    std::fill_n(entries() + kernel<P>::user_entries, table_entries - kernel<P>::user_entries, 0);
    kernel_.frames().free_zeroed(frame_);
    kernel_.ledger().page_directory_gone(owner_.note());
  }
  page_directory(const page_directory&) = delete;
  page_directory& operator=(const page_directory&) = delete;

  [[nodiscard]] physical frame() const noexcept { return frame_; }
  [[nodiscard]] std::uint64_t* entries() const noexcept { return kernel_.frames().table(frame_); }
  [[nodiscard]] kernel<P>& machine() const noexcept { return kernel_; }

 private:
  friend class kernel<P>;

  /// Copying the kernel half and joining the list are one step under the lock: a change of the
  /// kernel half finds the directory on the list, or was copied.
  void enlist() noexcept {
    const typename spinlock<P>::guard locked(kernel_.pgd_lock_);
    std::copy(kernel_.kernel_half_.begin(), kernel_.kernel_half_.end(),
              entries() + kernel<P>::user_entries);
    next_ = kernel_.pgd_list_;
    if (next_ != nullptr) next_->back_ = &next_;
    kernel_.pgd_list_ = this;
    back_ = &kernel_.pgd_list_;
    ++kernel_.listed_;
  }
  void delist() noexcept {
    const typename spinlock<P>::guard locked(kernel_.pgd_lock_);
    *back_ = next_;
    if (next_ != nullptr) next_->back_ = back_;
    --kernel_.listed_;
  }

  identity<P>& owner_;
  kernel<P>& kernel_;
  const physical frame_;
  page_directory* next_ = nullptr;   // guarded by pgd_lock
  page_directory** back_ = nullptr;  // guarded by pgd_lock: what points at this one
};

}  // namespace trefoil::mm
