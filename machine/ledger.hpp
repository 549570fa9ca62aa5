// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the teardowns themselves count: the tiers of every address space call this where they are
/// born and torn down, the reclaimer where it takes something. Nobody else writes here.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "machine/holder.hpp"
#include "machine/peak_by_holder.hpp"
#include "machine/place.hpp"
#include "machine/tally.hpp"

namespace trefoil::machine {

/// One per machine. Times are the machine's own, in nanoseconds; where they go on (`step`), one thread
/// does everything. Without (`storm`), every CPU calls what tiers and reclaimers call.
class ledger {
 public:
  /// What is noted with each address space. Times without the stretches that no figure counts.
  struct account {
    std::int64_t mappings_gone_ns = alive;
    std::int64_t page_directory_gone_ns = alive;
    peak_by_holder::span dead;  // between the two

    static constexpr std::int64_t alive = -1;
  };

  explicit ledger(flavour kernel) noexcept : flavour_(kernel) {}
  ledger(const ledger&) = delete;
  ledger& operator=(const ledger&) = delete;

  /// There is a clock: peaks by holder can be told. Before anything is born; from then on all calls
  /// are one thread's.
  void keep_time() noexcept { timed_ = true; }

  /// The clock goes on. Precondition: not backwards.
  void advance(std::int64_t now_ns) noexcept {
    const std::int64_t passed = now_ns - now_ns_;
    if (passed == 0) return;
    dead_peak_ =
        std::max<std::int64_t>(dead_peak_, dead_);  // here, so that what lasts no time is no peak
    bare_peak_ = std::max<std::int64_t>(bare_peak_, bare_);
    add_up(page_directory_ns_, passed, dead_);
    add_up(identity_ns_, passed, bare_);
    counted_ns_ += passed;
    now_ns_ = now_ns;
  }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }

  /// A stretch of time that no figure counts: the clock may jump, and what dies meanwhile has not
  /// died.
  void pause() noexcept {
    paused_ = true;
    dead_held_peak_ = std::max(dead_held_peak_, peaks_.living());
  }
  void resume(std::int64_t now_ns) noexcept {
    paused_ = false;
    now_ns_ = now_ns;
  }

  // ---- called by the tiers -----------------------------------------------------------------------

  void identity_born(account&) noexcept { ++identities_; }
  void page_directory_born(account&) noexcept { ++page_directories_; }
  void mappings_born(account&) noexcept { ++mappings_; }

  void mappings_gone(account& a) noexcept {
    a.mappings_gone_ns = counted_ns_;
    --mappings_;
    ++dead_;
    if (timed_) peaks_.begin(a.dead, counted_ns_);
  }
  void page_directory_gone(account& a) noexcept;
  void identity_gone(account& a) noexcept;

  // ---- called by what stands beside them: user namespaces, exec states ---------------------------

  void user_namespace_born() noexcept { ++user_namespaces_; }
  void user_namespace_gone() noexcept { --user_namespaces_; }
  void exec_state_born() noexcept { ++exec_states_; }
  void exec_state_gone() noexcept { --exec_states_; }

  // ---- called by the reclaimer -------------------------------------------------------------------

  void deferred(holder whose, place where) noexcept {
    if (paused_) return;
    if (whose == holder::user) {
      ++async_mmput_;
    } else {
      ++deferred_[static_cast<std::size_t>(sampled_as(flavour_, where))];
    }
    ++handed_over_;
  }

  // ---- figures -----------------------------------------------------------------------------------

  /// Drops that would have torn down a page directory or identity, handed to a worker.
  [[nodiscard]] std::int64_t deferrals(sampled where) const noexcept {
    return deferred_[static_cast<std::size_t>(where)];
  }
  /// The same of mappings.
  [[nodiscard]] std::int64_t async_mmputs() const noexcept { return async_mmput_; }
  /// All of them: to see whether one more has been.
  [[nodiscard]] std::int64_t handed_over() const noexcept { return handed_over_; }

  /// Dead: the mappings are gone, the page directory is not.
  [[nodiscard]] std::int64_t dead_peak() const noexcept { return dead_peak_; }
  /// The sum, over all page directories, of the time between the two.
  [[nodiscard]] std::int64_t dead_page_directory_ns() const noexcept { return page_directory_ns_; }
  /// The part of it that holders of this kind are answerable for: those who let go last.
  [[nodiscard]] std::int64_t dead_page_directory_ns(holder last) const noexcept {
    return by_last_[static_cast<std::size_t>(last)];
  }
  /// The most of these at a time.
  [[nodiscard]] std::int64_t dead_peak(holder last) const noexcept { return peaks_.of(last); }
  /// And of those that nobody had let go when a stretch of time began that no figure counts.
  [[nodiscard]] std::int64_t dead_held_peak() const noexcept { return dead_held_peak_; }
  /// The sum of the time between the end of a page directory and that of its identity.
  [[nodiscard]] std::int64_t bare_identity_ns() const noexcept { return identity_ns_; }
  [[nodiscard]] std::int64_t bare_peak() const noexcept { return bare_peak_; }

  /// Teardowns so far: to see whether one more has been.
  [[nodiscard]] std::int64_t page_directories_gone() const noexcept { return gone_; }
  [[nodiscard]] std::int64_t identities_gone() const noexcept { return identities_gone_; }

  /// Alive now.
  [[nodiscard]] std::int64_t mappings() const noexcept { return mappings_; }
  [[nodiscard]] std::int64_t page_directories() const noexcept { return page_directories_; }
  [[nodiscard]] std::int64_t identities() const noexcept { return identities_; }
  [[nodiscard]] std::int64_t user_namespaces() const noexcept { return user_namespaces_; }
  [[nodiscard]] std::int64_t exec_states() const noexcept { return exec_states_; }

 private:
  /// Stays at the greatest number there is: a recording may claim to be 31 years long.
  static void add_up(std::int64_t& sum, std::int64_t ns, std::int64_t times) noexcept {
    std::int64_t more = 0;
    if (__builtin_mul_overflow(ns, times, &more) || __builtin_add_overflow(sum, more, &sum)) {
      sum = std::numeric_limits<std::int64_t>::max();
    }
  }

  const flavour flavour_;
  bool paused_ = false;
  bool timed_ = false;
  std::int64_t now_ns_ = 0;
  std::int64_t counted_ns_ = 0;  // the clock without its jumps

  tally mappings_;
  tally page_directories_;
  tally identities_;
  tally user_namespaces_;
  tally exec_states_;
  tally dead_;  // page directories without mappings
  tally bare_;  // identities without page directory

  std::int64_t dead_peak_ = 0;
  std::int64_t dead_held_peak_ = 0;
  std::int64_t bare_peak_ = 0;
  peak_by_holder peaks_;
  std::int64_t page_directory_ns_ = 0;  // of the thread that makes time go on
  std::int64_t identity_ns_ = 0;        // the same
  std::array<tally, holder_kinds> by_last_{};
  std::array<tally, sampled_names.size()> deferred_{};
  tally async_mmput_;
  tally handed_over_;
  tally gone_;
  tally identities_gone_;
};

}  // namespace trefoil::machine
