// SPDX-License-Identifier: Apache-2.0
/// @file
/// A reclaimer without a thread: deferred teardowns run where and when somebody polls.
#pragma once

#include <cstddef>
#include <limits>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/reclaim_queue.hpp"
#include "trefoil/reclaimer.hpp"

namespace trefoil {

/// For programs with a loop of their own, and for real-time threads that drop and never free: the
/// drop is two atomic operations, no system call, ever. One instance per Tag; a Tag that several
/// shared objects use has default visibility.
template <class P, class Tag>
class TREFOIL_ONE_PER_PROCESS basic_polled {
  using queue = reclaim_queue<P>;

 public:
  static constexpr bool defers = true;

  /// Takes a teardown. Context: any. Cost: two atomic operations. Never waits, never wakes.
  static void defer(deferred<P>& n) noexcept { static_cast<void>(queue_.defer(n)); }

  /// Takes an errand, which stays where it is until it has run. As defer().
  static void send(errand<P>& e) noexcept { static_cast<void>(queue_.send(e)); }
  /// By the errand that runs now: it is to run again, at the next poll().
  static void send_later(errand<P>& e) noexcept { queue_.send_later(e); }

  [[nodiscard]] static bool admit() noexcept {
    fork_handler_.ask(&after_fork);
    return true;
  }

  /// Runs up to `most` deferred teardowns on the calling thread; returns how many. 0 also while
  /// another thread polls. At level `atomic`, teardowns that need `process` are put back.
  /// Level: `atomic` or `process`, outside teardowns and reclaimers; else `help_refused`, and 0.
  static std::size_t poll(std::size_t most = std::numeric_limits<std::size_t>::max()) noexcept {
    const auto& here = P::state();
    if (here.here() == context::any || here.inside_teardown() || here.runner() != nullptr) {
      P::report(misuse::help_refused, &queue_);
      return 0;
    }
    if (!queue_.try_begin_run()) return 0;
    const std::size_t done = queue_.run(most);
    queue_.end_run();
    return done;
  }

  /// Context: any.
  [[nodiscard]] static reclaimer_counters counters() noexcept { return queue_.tally().read(); }

 private:
  /// In the child the thread that polled at the time of the fork does not exist.
  static void after_fork() noexcept { queue_.after_fork(P::state().runner() == &queue_); }

  static inline constinit queue queue_{};
  static inline constinit fork_handler<P> fork_handler_{};
};

}  // namespace trefoil
