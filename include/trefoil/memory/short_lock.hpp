// SPDX-License-Identifier: Apache-2.0
/// @file
/// A lock that is held for a short, bounded time, and never at level `any`.
///
/// | caller's level | `lock_at()`                                                                 |
/// | -------------- | --------------------------------------------------------------------------- |
/// | `process`      | a few turns, then sleeps where the platform can (`wait`), else turns on      |
/// | `atomic`       | turns, a bounded number of them; false if the holder did not let go meanwhile |
/// | `any`          | not to be called: the caller may have interrupted the holder                 |
///
/// At `atomic` nobody sleeps, and nobody turns for ever: the holder may be a thread that this CPU took
/// the time from.
#pragma once

#include <atomic>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"

namespace trefoil {

/// | word | meaning                          |
/// | ---- | -------------------------------- |
/// | 0    | free                             |
/// | 1    | held                             |
/// | 2    | held, and somebody may sleep     |
///
/// (As in U. Drepper, "Futexes Are Tricky", mutex 2.) Constant-initialised, for static members.
template <class P>
class short_lock {
 public:
  constexpr short_lock() noexcept = default;
  short_lock(const short_lock&) = delete;
  short_lock& operator=(const short_lock&) = delete;

  /// False: somebody holds it. Level: `atomic`. Cost: one compare-exchange.
  /// Ordering: acquire; pairs with the release of unlock().
  [[nodiscard]] bool try_lock() noexcept {
    std::uint32_t expected = free;
    return word_.compare_exchange_strong(expected, held, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  /// False: not had, and only at level `atomic`. See the table above.
  [[nodiscard]] bool lock_at(context::level here) noexcept {
    if (try_lock()) [[likely]]
      return true;
    if (here == context::process) {
      wait_and_lock();
      return true;
    }
    return turn_and_try(turns_at_atomic);
  }

  /// Level: `process`.
  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait_and_lock();
  }

  /// Ordering: release; pairs with the acquire of whoever locks next.
  void unlock() noexcept {
    if (word_.exchange(free, std::memory_order_release) == held_and_awaited) [[unlikely]] {
      if constexpr (sleeps) P::wake_one(word_);
    }
  }

  /// Held around a fork(), so that the child finds whole what the lock guards: from before it until after
  /// it, in both processes. Not by a handler that forks (level `any`): it may have interrupted the holder.
  /// Context: any, the same level for both calls.
  void hold_over_fork(context::level here) noexcept {
    if (here != context::any) lock();
  }
  void let_go_after_fork(context::level here) noexcept {
    if (here != context::any) unlock();
  }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t held_and_awaited = 2;

  static constexpr bool sleeps =
      requires(typename P::template atomic<std::uint32_t>& word) { P::wait(word, 2U); };

  /// A test platform that tries every order of steps says `lock_turns`, to have few.
  static constexpr unsigned turns_at_process = [] {
    if constexpr (requires { P::lock_turns; }) {
      return unsigned{P::lock_turns};
    } else {
      return 256U;
    }
  }();
  static constexpr unsigned turns_at_atomic = 64 * turns_at_process;

  [[nodiscard]] bool turn_and_try(unsigned turns) noexcept {
    for (; turns != 0; --turns) {
      P::relax();
      // Looked at first: a compare-exchange would take the line from the holder at every turn.
      if (word_.load(std::memory_order_relaxed) == free && try_lock()) return true;
    }
    return false;
  }

  TREFOIL_COLD void wait_and_lock() noexcept {
    while (!turn_and_try(turns_at_process)) {
      if constexpr (sleeps) {
        // acquire: as try_lock(). Whoever comes out of here leaves the mark that somebody may sleep:
        // one wake too many at times, none too few.
        while (word_.exchange(held_and_awaited, std::memory_order_acquire) != free)
          P::wait(word_, held_and_awaited);
        return;
      }
    }
  }

  typename P::template atomic<std::uint32_t> word_{free};
};

}  // namespace trefoil
