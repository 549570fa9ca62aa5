// SPDX-License-Identifier: Apache-2.0
/// @file
/// Subscriptions to the changes of an address space, for those who keep page tables of their own.
///
/// Callbacks run under mmap_lock, at level `atomic`: they may take short locks, and must not take
/// mmap_lock, subscribe or unsubscribe. They are over, for good, when unsubscribe() or remove()
/// returns. (mmu_notifier_unregister, mmu_interval_notifier_remove)
#pragma once

#include <cstdint>
#include <utility>

#include "trefoil/mm/address_space.hpp"
#include "trefoil/mm/notifier_table.hpp"
#include "trefoil/ref.hpp"

namespace trefoil::mm {

/// Told of every change, and of the end. Derive, override release() and invalidate_range_*(), and
/// unsubscribe before the derived object goes.
///
/// Keeps the identity and nothing more: mappings and page directory die when their users say so.
/// (struct mmu_notifier, whose mmgrab kept the page directory, too)
template <class P>
class notifier : public detail::plain_subscription<P> {
 public:
  using identity_ref = ref<address_space<P>, identity<P>>;

  notifier() noexcept = default;
  notifier(const notifier&) = delete;
  notifier& operator=(const notifier&) = delete;

  /// False: the mappings are gone, there is nothing to be told of. Level `process`; waits for
  /// mmap_lock. Precondition: not subscribed. (mmu_notifier_register)
  [[nodiscard]] bool subscribe(identity_ref whose) noexcept {
    {
      const typename rw_semaphore<P>::write_guard locked(whose->mmap_lock());
      if (!whose->has_mappings()) return false;
      whose->notifiers().add(*this);
    }
    whose_ = std::move(whose);
    return true;
  }
  /// Calls release() if the end of the mappings has not. Level `process`; waits for mmap_lock. The
  /// identity may go here: that is legal anywhere. (mmu_notifier_unregister)
  void unsubscribe() noexcept {
    if (!whose_) return;
    {
      const typename rw_semaphore<P>::write_guard locked(whose_->mmap_lock());
      whose_->notifiers().remove(*this);
    }
    whose_.drop();
  }
  /// Empty: not subscribed.
  [[nodiscard]] const identity_ref& whose() const noexcept { return whose_; }

 protected:
  ~notifier() = default;

 private:
  identity_ref whose_;
};

/// Told of changes of one range. A device that builds something from pages of the range does
///
///     do {
///       seq = n.read_begin();
///       ... look at the pages ...
///       lock
///     } while (n.read_retry(seq) && (unlock, true));
///     ... use them, until invalidate() is called under the same lock ...
///
/// Derive, override invalidate(). (struct mmu_interval_notifier)
template <class P>
class interval_notifier : public detail::interval_subscription<P> {
 public:
  using identity_ref = ref<address_space<P>, identity<P>>;

  interval_notifier() noexcept = default;
  interval_notifier(const interval_notifier&) = delete;
  interval_notifier& operator=(const interval_notifier&) = delete;

  /// False: the range is empty or wraps, or the mappings are gone. Level `process`; waits for
  /// mmap_lock. Precondition: not inserted. (mmu_interval_notifier_insert)
  [[nodiscard]] bool insert(identity_ref whose, std::uint64_t start,
                            std::uint64_t length) noexcept {
    if (length == 0 || start + length < start) return false;
    {
      const typename rw_semaphore<P>::write_guard locked(whose->mmap_lock());
      if (!whose->has_mappings()) return false;
      whose->notifiers().add(*this, start, start + length);
    }
    whose_ = std::move(whose);
    return true;
  }
  /// Level `process`; waits for mmap_lock. (mmu_interval_notifier_remove)
  void remove() noexcept {
    if (!whose_) return;
    {
      const typename rw_semaphore<P>::write_guard locked(whose_->mmap_lock());
      whose_->notifiers().remove(*this);
    }
    whose_.drop();
  }
  [[nodiscard]] const identity_ref& whose() const noexcept { return whose_; }

  /// Begins to look at the range; waits while it is being changed. Level `process`, outside the
  /// device's lock. Precondition: inserted. (mmu_interval_read_begin)
  [[nodiscard]] std::uint32_t read_begin() noexcept {
    return whose_->notifiers().read_begin(this->sequence_);
  }
  /// What was seen since is stale. Under the device's lock. (mmu_interval_read_retry)
  [[nodiscard]] bool read_retry(std::uint32_t begun) const noexcept {
    // relaxed: invalidate() stores it under the device's lock
    return this->sequence_.load(std::memory_order_relaxed) != begun;
  }

 protected:
  ~interval_notifier() = default;

 private:
  identity_ref whose_;
};

}  // namespace trefoil::mm
