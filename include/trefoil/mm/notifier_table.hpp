// SPDX-License-Identifier: Apache-2.0
/// @file
/// Who is told when mappings change: devices and hypervisors with page tables of their own. The table
/// is part of the identity, because they unsubscribe when it suits them, long after an exit.
/// notifier.hpp has what they use. (struct mmu_notifier_subscriptions, mm/mmu_notifier.c)
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "trefoil/mm/spinlock.hpp"

namespace trefoil::mm {

template <class P>
class notifier_table;

namespace detail {

using normal = boost::intrusive::link_mode<boost::intrusive::normal_link>;

/// A plain subscription. (struct mmu_notifier)
template <class P>
class plain_subscription : public boost::intrusive::list_base_hook<normal> {
 public:
  /// The mappings go, and nothing of them may be touched any more; called once, the last call.
  virtual void release() noexcept {}
  /// Pages of [start, end) may change from now on, until the end is told. Ranges may overlap.
  virtual void invalidate_range_start(std::uint64_t, std::uint64_t) noexcept {}
  virtual void invalidate_range_end(std::uint64_t, std::uint64_t) noexcept {}

 protected:
  plain_subscription() noexcept = default;
  ~plain_subscription() = default;

 private:
  friend class notifier_table<P>;
  bool listed_ = false;  // guarded by mmap_lock
};

/// A subscription to one range. (struct mmu_interval_notifier)
template <class P>
class interval_subscription : public boost::intrusive::set_base_hook<normal> {
 public:
  /// Pages of [start, end) change. Under the lock that protects what the device made of the range:
  /// set_sequence(sequence), and forget it.
  virtual void invalidate(std::uint64_t start, std::uint64_t end,
                          std::uint32_t sequence) noexcept = 0;

  [[nodiscard]] std::uint64_t start() const noexcept { return start_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 protected:
  interval_subscription() noexcept = default;
  ~interval_subscription() = default;

  /// Only in invalidate(), under the device's lock. (mmu_interval_set_seq)
  void set_sequence(std::uint32_t now) noexcept {
    // relaxed: read_retry() is called under the same lock; read_begin() has the table's
    sequence_.store(now, std::memory_order_relaxed);
  }

  typename P::template atomic<std::uint32_t> sequence_{0};

 private:
  friend class notifier_table<P>;
  std::uint64_t start_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace detail

/// All subscriptions of an address space.
///
/// mmap_lock guards who is in it: those who come and go hold it for writing, those who tell of a
/// change hold it for reading or writing. A spin lock guards the sequence count. So the teardown of
/// an identity, at level `any`, finds it empty and does nothing: every subscription holds a reference
/// to the identity.
///
/// The sequence count: odd while somebody changes what an interval covers.
template <class P>
class notifier_table {
  using plain = detail::plain_subscription<P>;
  using interval = detail::interval_subscription<P>;
  struct start_of {
    using type = std::uint64_t;
    type operator()(const interval& i) const noexcept { return i.start(); }
  };

 public:
  notifier_table() noexcept = default;
  notifier_table(const notifier_table&) = delete;
  notifier_table& operator=(const notifier_table&) = delete;

  /// Somebody is to be told. mmap_lock is held. (mm_has_notifiers)
  [[nodiscard]] bool any() const noexcept { return !plains_.empty() || !intervals_.empty(); }

  // ---- mmap_lock is held for writing -------------------------------------------------------------

  void add(plain& s) noexcept {
    plains_.push_back(s);
    s.listed_ = true;
  }
  /// If it was not released yet, it is now. (mmu_notifier_unregister)
  void remove(plain& s) noexcept {
    if (!s.listed_) return;
    s.release();
    unlink(s);
  }
  void add(interval& s, std::uint64_t start, std::uint64_t end) noexcept {
    s.start_ = start;
    s.end_ = end;
    // As after an invalidation long ago: odd, and not the present one.
    s.sequence_.store(sequence_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    longest_ = std::max(longest_, end - start);
    intervals_.insert(s);
  }
  void remove(interval& s) noexcept { intervals_.erase(intervals_.iterator_to(s)); }

  /// The mappings go. Plain subscriptions are told, and told nothing more; intervals are invalidated
  /// as a whole and stay. (mmu_notifier_release)
  void release() noexcept {
    constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();
    const bool intervals = begin_change(0, everything);
    for (plain& s : plains_) s.release();
    while (!plains_.empty()) unlink(plains_.front());
    end_change(intervals);
  }

  // ---- mmap_lock is held -------------------------------------------------------------------------

  /// (mmu_notifier_invalidate_range_start). Returns what invalidate_end() wants.
  [[nodiscard]] bool invalidate_start(std::uint64_t start, std::uint64_t end) noexcept {
    const bool intervals = begin_change(start, end);
    for (plain& s : plains_) s.invalidate_range_start(start, end);
    return intervals;
  }
  void invalidate_end(std::uint64_t start, std::uint64_t end, bool intervals) noexcept {
    for (plain& s : plains_) s.invalidate_range_end(start, end);
    end_change(intervals);
  }

  // ---- whoever has a subscription ----------------------------------------------------------------

  /// Waits until no change of what the interval covers is under way; returns its sequence for
  /// read_retry(). Level `process`. (mmu_interval_read_begin)
  [[nodiscard]] std::uint32_t
  read_begin(const typename P::template atomic<std::uint32_t>& of) noexcept {
    std::uint32_t seen = 0;
    std::uint32_t now = 0;
    {
      // The lock orders this after the begin_change() that made the sequence odd, or before it.
      const typename spinlock<P>::guard locked(lock_);
      seen = of.load(std::memory_order_relaxed);
      now = sequence_.load(std::memory_order_relaxed);
    }
    // acquire: pairs with the release in end_change(): what was changed is seen
    while (seen == now && sequence_.load(std::memory_order_acquire) == now) {
      if constexpr (requires { P::wait(sequence_, now); }) {
        P::wait(sequence_, now);
      } else {
        P::relax();
      }
    }
    return seen;
  }

 private:
  void unlink(plain& s) noexcept {
    plains_.erase(plains_.iterator_to(s));
    s.listed_ = false;
  }

  /// Intervals are found by start; one that reaches into the range starts no further below it than
  /// the longest there ever was. O(log n) and those in between.
  bool begin_change(std::uint64_t start, std::uint64_t end) noexcept {
    if (intervals_.empty()) return false;
    auto at = intervals_.lower_bound(start > longest_ ? start - longest_ : 0);
    while (at != intervals_.end() && at->start() < end && at->end() <= start) ++at;
    std::uint32_t now = 0;
    {
      const typename spinlock<P>::guard locked(lock_);
      ++changes_;
      const bool hit = at != intervals_.end() && at->start() < end;
      now = sequence_.load(std::memory_order_relaxed) | (hit ? 1U : 0U);
      sequence_.store(now, std::memory_order_relaxed);
    }
    for (; at != intervals_.end() && at->start() < end; ++at) {
      if (at->end() > start) at->invalidate(start, end, now);
    }
    return true;
  }
  void end_change(bool intervals) noexcept {
    if (!intervals) return;
    {
      const typename spinlock<P>::guard locked(lock_);
      const std::uint32_t now = sequence_.load(std::memory_order_relaxed);
      if (--changes_ != 0 || (now & 1U) == 0) return;
      sequence_.store(now + 1,
                      std::memory_order_release);  // pairs with the acquire in read_begin()
    }
    if constexpr (requires { P::wake_all(sequence_); }) P::wake_all(sequence_);
  }

  boost::intrusive::list<plain, boost::intrusive::constant_time_size<false>> plains_;
  boost::intrusive::multiset<interval, boost::intrusive::key_of_value<start_of>,
                             boost::intrusive::constant_time_size<false>>
      intervals_;
  std::uint64_t longest_ = 0;  // of all intervals there ever were; guarded by mmap_lock
  spinlock<P> lock_{lock_class::notifiers};
  std::uint32_t changes_ = 0;                               // under way; guarded by lock_
  typename P::template atomic<std::uint32_t> sequence_{2};  // changed under lock_
};

}  // namespace trefoil::mm
