// SPDX-License-Identifier: Apache-2.0
/// @file
/// The innermost tier of an address space: who it is. Outlives mappings and page directory for those
/// who only ask "whose is it", "is it still the same one", "may I", or who account to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "trefoil/mm/kernel.hpp"
#include "trefoil/mm/mm_flags.hpp"
#include "trefoil/mm/notifier_table.hpp"
#include "trefoil/mm/reap_view.hpp"
#include "trefoil/mm/rw_semaphore.hpp"
#include "trefoil/mm/user_namespace.hpp"
#include "trefoil/ref.hpp"

namespace trefoil::mm {

/// Whether a process may be looked at by others of the same user. (get_dumpable)
enum class dumpable : std::uint8_t { no, user, root };

/// What `mm_struct` keeps besides mappings and pgd, as far as struct-only holders need it; and the
/// lock of the mappings, because one who holds no more than this may wait for it (reap()).
///
/// All that a dead address space still occupies is one block with this tier and the counts in it: at
/// most 256 bytes, in which a ledger has room for an account of 80. The other tiers' storage goes with
/// them.
///
/// Teardown: at level `any`. It gives the user namespace back, whose own last put defers itself, and
/// frees memory to the pool. (the third stage of the 2020 series: mm_unref)
template <class P>
class identity {
 public:
  static constexpr auto teardown = context::any;

  using account = typename P::ledger::account;

  /// `number` tells address spaces apart in reports; it is not used for anything else.
  identity(kernel<P>& machine, ref<user_namespace<P>> owner, std::uint64_t number) noexcept
      : kernel_(machine), user_ns_(std::move(owner)), number_(number) {
    kernel_.ledger().identity_born(account_);
  }
  ~identity() { kernel_.ledger().identity_gone(account_); }
  identity(const identity&) = delete;
  identity& operator=(const identity&) = delete;

  [[nodiscard]] kernel<P>& machine() const noexcept { return kernel_; }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  /// What the machine's ledger notes about this address space. Its own tiers alone write it, one
  /// after the other.
  [[nodiscard]] account& note() noexcept { return account_; }
  [[nodiscard]] const account& note() const noexcept { return account_; }
  [[nodiscard]] const ref<user_namespace<P>>& user_ns() const noexcept { return user_ns_; }

  [[nodiscard]] dumpable dumpability() const noexcept {
    return dumpable_.load(std::memory_order_relaxed);
  }
  void set_dumpability(dumpable d) noexcept { dumpable_.store(d, std::memory_order_relaxed); }

  /// Guards the mappings: VMAs and page tables. Level `process`. Its guards open a scope of `atomic`.
  [[nodiscard]] rw_semaphore<P>& mmap_lock() noexcept { return mmap_lock_; }

  /// mmf. Context: any. (mm->flags)
  [[nodiscard]] mm_flags<P>& flags() noexcept { return flags_; }
  [[nodiscard]] const mm_flags<P>& flags() const noexcept { return flags_; }

  /// Frees the private pages of a dying process from under it, once. Whoever calls this has seen to
  /// it that none of its threads will run in user mode again: they find SIGBUS where pages were.
  /// Level `process`; waits for mmap_lock; as long as there are pages.
  /// (oom_reap_task_mm, process_mrelease)
  reap_result reap() noexcept {
    const typename rw_semaphore<P>::read_guard locked(mmap_lock_);
    reap_view* const view = view_.get();
    if (flags_.test(mmf::oom_skip) || view == nullptr) return {};
    const std::size_t pages = view->reap(*view);
    // Hidden from the OOM killer: nothing more is to be had. Of two who were in here at once, each has
    // freed some, and one has done it.
    return {flags_.set(mmf::oom_skip), pages};
  }

  /// Who is told of changes of the mappings; notifier.hpp has the way in.
  [[nodiscard]] notifier_table<P>& notifiers() noexcept { return notifiers_; }
  /// The mappings have not been torn down. mmap_lock is held.
  [[nodiscard]] bool has_mappings() const noexcept { return view_.get() != nullptr; }

  /// Called by the mappings: at their birth, when nobody else knows the object, and under mmap_lock
  /// for writing when they go.
  void publish(reap_view* view) noexcept { view_.set(view); }

  /// Pages pinned by devices on this address space's account; may be given back after its exit.
  /// Context: any. Relaxed: a sum that orders nothing. (pinned_vm)
  void account_pinned(std::int64_t pages) noexcept {
    pinned_.fetch_add(pages, std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t pinned() const noexcept {
    return pinned_.load(std::memory_order_relaxed);
  }

 private:
  kernel<P>& kernel_;
  const ref<user_namespace<P>> user_ns_;
  const std::uint64_t number_;
  typename P::template atomic<std::int64_t> pinned_{0};
  typename P::template cell<reap_view*> view_{nullptr};  // guarded by mmap_lock_
  notifier_table<P> notifiers_;                          // guarded by mmap_lock_
  rw_semaphore<P> mmap_lock_{lock_class::mmap_lock};
  mm_flags<P> flags_;
  typename P::template atomic<dumpable> dumpable_{dumpable::user};
  [[no_unique_address]] account account_{};
};

}  // namespace trefoil::mm
