// SPDX-License-Identifier: Apache-2.0
/// @file
/// Reclaimers: who runs the teardowns that the place of the last drop did not allow.
///
/// | reclaimer            | runs them                                        | header           |
/// | -------------------- | ------------------------------------------------ | ---------------- |
/// | `worker` (default)   | a thread of its own, started by the first make() | worker.hpp       |
/// | `polled<Tag>`        | whoever calls `poll()`                           | polled.hpp       |
/// | `executor<Post>`     | the user's executor                              | executor.hpp     |
/// | `inline_only`        | nobody: a teardown that would need it is refused | inline_only.hpp  |
/// | hand-back            | the caller of `drop_into(list)`, after its locks | deferred_list.hpp |
///
/// A reclaimer is a class with static members only: one per process, constant-initialised and never
/// destroyed, so that a drop in a signal handler or in a static destructor finds it working.
///
/// | member                        | what it does                                                    |
/// | ----------------------------- | --------------------------------------------------------------- |
/// | `static constexpr bool defers`| false: it cannot take anything (inline_only)                    |
/// | `defer(deferred<P>&) noexcept`| takes a node; any context; no allocation, no lock, no wait      |
/// | `admit() noexcept -> bool`    | called by make() at `process`: gets ready, enforces a limit; false: make fails |
/// | `counters() noexcept`         | `reclaimer_counters`; any context                               |
///
/// and, if tiers of its objects may be pinned lazily (lazy_pin.hpp), as `worker` and `polled` have:
///
/// | member                        | what it does                                                    |
/// | ----------------------------- | --------------------------------------------------------------- |
/// | `send(errand<P>&) noexcept`   | takes an errand, as defer(); it is not counted                  |
/// | `send_later(errand<P>&) noexcept` | called by an errand that runs: run it again after a while   |
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

#include "trefoil/deferred.hpp"
#include "trefoil/errand.hpp"
#include "trefoil/statistic.hpp"

namespace trefoil {

/// What a reclaimer has done so far. Read at one moment each; the sum may be a little off while
/// others work.
struct reclaimer_counters {
  std::uint64_t pending = 0;  ///< deferred, and not begun yet
  std::uint64_t peak = 0;     ///< the most that were ever pending at once
  std::uint64_t run = 0;      ///< begun (deferral again counts again)
  std::uint64_t wakeups = 0;  ///< calls that woke a sleeping worker
};

/// What staged objects ask of a reclaimer.
template <class R, class P>
concept reclaimer = !R::defers || requires(deferred<P>& node) {
  { R::defer(node) } noexcept;
  { R::admit() } noexcept -> std::same_as<bool>;
  { R::counters() } noexcept -> std::same_as<reclaimer_counters>;
};

/// A reclaimer that runs errands, and runs them again.
template <class R, class P>
concept runs_errands = reclaimer<R, P> && requires(errand<P>& e) {
  { R::send(e) } noexcept;
  { R::send_later(e) } noexcept;
};

/// The numbers behind reclaimer_counters. Every operation: context any, lock-free, relaxed: they
/// order nothing.
template <class P>
class reclaimer_tally {
 public:
  constexpr reclaimer_tally() noexcept = default;

  /// Before the node is handed over: a count taken after could miss it, and `pending` would exceed
  /// the number of objects when one is run, made and deferred again in between.
  void deferred_one() noexcept {
    const std::uint64_t deferred = deferred_.fetch_add(1, std::memory_order_relaxed) + 1;
    // Others may have been deferred and run since: then `run` is ahead of what we added to, and all
    // we know is that ours is pending. Never too much: `run` is read after `deferred`.
    const std::uint64_t run = run_.load(std::memory_order_relaxed);
    const std::uint64_t pending = deferred > run ? deferred - run : 1;
    std::uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (pending > peak && !peak_.compare_exchange_weak(peak, pending, std::memory_order_relaxed,
                                                          std::memory_order_relaxed)) {}
  }
  /// Before the node is run: afterwards its object may be another one already.
  void begun_one() noexcept { run_.fetch_add(1, std::memory_order_relaxed); }
  void woke_one() noexcept { wakeups_.fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t pending() const noexcept {
    const std::uint64_t run = run_.load(std::memory_order_relaxed);
    const std::uint64_t deferred = deferred_.load(std::memory_order_relaxed);
    return deferred > run ? deferred - run : 0;
  }

  [[nodiscard]] reclaimer_counters read() const noexcept {
    return {.pending = pending(),
            .peak = peak_.load(std::memory_order_relaxed),
            .run = run_.load(std::memory_order_relaxed),
            .wakeups = wakeups_.load(std::memory_order_relaxed)};
  }

 private:
  using count = typename detail::statistic_on<P, std::uint64_t>::type;
  count deferred_{0};
  count run_{0};
  count peak_{0};
  count wakeups_{0};
};

}  // namespace trefoil
