// SPDX-License-Identifier: Apache-2.0
/// @file
/// Those who keep page tables of their own, and are told when an address space changes: a hypervisor
/// (plain notifier) and a device that mirrors a range (interval notifier).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "machine/held.hpp"
#include "trefoil/mm/notifier.hpp"
#include "trefoil/mm/spinlock.hpp"

namespace trefoil::machine {

/// A hypervisor's. Its callbacks follow rules; sound() says whether they were kept. (kvm_main.c)
///
/// Relaxed: several threads may be under mmap_lock for reading and call back at once, and each counts
/// for itself; who reads the sums has taken that lock for writing since, to unsubscribe.
class shadow_tables final : public mm::notifier<platform> {
 public:
  void release() noexcept override {
    if (released_.exchange(true, std::memory_order_relaxed)) is_wrong();
  }
  void invalidate_range_start(std::uint64_t, std::uint64_t) noexcept override {
    if (released_.load(std::memory_order_relaxed)) is_wrong();
    open_.fetch_add(1, std::memory_order_relaxed);
    told_.fetch_add(1, std::memory_order_relaxed);
  }
  void invalidate_range_end(std::uint64_t, std::uint64_t) noexcept override {
    if (open_.fetch_sub(1, std::memory_order_relaxed) <= 0) is_wrong();
  }

  /// After unsubscribe(): released once, nothing was told after that, and every start had its end.
  [[nodiscard]] bool sound() const noexcept {
    return !wrong_.load(std::memory_order_relaxed) && released_.load(std::memory_order_relaxed) &&
           open_.load(std::memory_order_relaxed) == 0;
  }
  [[nodiscard]] std::int64_t told() const noexcept { return told_.load(std::memory_order_relaxed); }

 private:
  void is_wrong() noexcept { wrong_.store(true, std::memory_order_relaxed); }

  std::atomic<bool> wrong_{false};
  std::atomic<bool> released_{false};
  std::atomic<std::int64_t> open_{0};
  std::atomic<std::int64_t> told_{0};
};

/// A device's copy of what is at one address. (hmm_range_fault and what is done with it)
class mirrored_word final : public mm::interval_notifier<platform> {
 public:
  void invalidate(std::uint64_t, std::uint64_t, std::uint32_t sequence) noexcept override {
    const mm::spinlock<platform>::guard locked(lock_);
    set_sequence(sequence);
    valid_ = false;
  }

  /// Looks at the page until it was not changed meanwhile. `space` are its mappings.
  void mirror(mappings& space, std::uint64_t address) noexcept {
    for (unsigned tries = 0; tries < 8; ++tries) {
      const std::uint32_t begun = read_begin();
      std::uint64_t seen = 0;
      const bool there =
          space.copy_from(address, &seen, sizeof seen, mm::force::yes) == sizeof seen;
      const mm::spinlock<platform>::guard locked(lock_);
      if (read_retry(begun)) continue;
      // What programs write stays as it is, until the page goes: then somebody has to say so.
      if (valid_ && word_ != 0 && (!there || seen != word_)) stale_ = true;
      valid_ = there;
      word_ = seen;
      return;
    }
  }
  /// What the device has; empty: nothing, or it was told that it is stale.
  [[nodiscard]] std::optional<std::uint64_t> word() noexcept {
    const mm::spinlock<platform>::guard locked(lock_);
    return valid_ ? std::optional(word_) : std::nullopt;
  }
  /// It had what was there no more, and was not told.
  [[nodiscard]] bool was_stale() noexcept {
    const mm::spinlock<platform>::guard locked(lock_);
    return stale_;
  }

 private:
  mm::spinlock<platform> lock_;
  bool valid_ = false;      // guarded by lock_
  bool stale_ = false;      // guarded by lock_
  std::uint64_t word_ = 0;  // guarded by lock_
};

}  // namespace trefoil::machine
