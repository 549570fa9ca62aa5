// SPDX-License-Identifier: Apache-2.0
/// @file
/// The default reclaimer: one thread per process that runs deferred teardowns at level `process`.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/reclaim_queue.hpp"
#include "trefoil/reclaimer.hpp"

namespace trefoil {

/// What make() does when the limit of pending teardowns is reached.
enum class at_limit : std::uint8_t {
  help,  ///< run deferred teardowns on the calling thread until there is room
  fail,  ///< fail: try_make returns an empty reference
};

/// Life of the worker:
///
/// | state      | thread | defer()            | make(), flush(), help() | left by                   |
/// | ---------- | ------ | ------------------ | ----------------------- | ------------------------- |
/// | none       | no     | queues, counted    | start it                | start()                   |
/// | starting   | soon   | queues             | go on                   | the thread begins         |
/// | running    | yes    | queues, wakes it   |                         | shutdown(), fork() (child: none) |
/// | stopping   | ends   | queues, wakes it   |                         | the thread ends           |
/// | shut_down  | no     | queues, counted    | flush() and help() run teardowns on the caller | start() |
///
/// After shutdown() drops at `process` run inline as ever; others queue and are counted, until
/// somebody calls flush(). A process that wants nothing torn down behind its back at exit calls
/// shutdown() at the end of main().
///
/// Sleep and wake: the worker reads `wakeups_`, takes the right to run, finds nothing more, marks the
/// empty list asleep by compare-exchange, gives the right up, and waits while `wakeups_` has not
/// changed. The push that replaces the mark adds to `wakeups_` and makes one async-signal-safe call.
/// One before the worker's look at `wakeups_` is seen by it (acquire), and with it what was pushed;
/// one after it has changed the word, and the wait returns.
///
/// While an errand is to be run again (lazy_slots.hpp), the worker sleeps for 1, 2, 4 ... 64 ms. A
/// helper who leaves one need not tell: whatever he ran was pushed, and the worker runs once more
/// after each push, and after him.
template <class P>
class TREFOIL_ONE_PER_PROCESS basic_worker {
  using queue = reclaim_queue<P>;

 public:
  static constexpr bool defers = true;

  /// Takes a teardown. Context: any. Cost: two atomic operations; if the worker sleeps, one
  /// wake-up call. Never waits.
  static void defer(deferred<P>& n) noexcept {
    if (queue_.defer(n)) wake();
  }

  /// Takes an errand, which stays where it is until it has run. As defer().
  static void send(errand<P>& e) noexcept {
    if (queue_.send(e)) wake();
  }
  /// By the errand that runs now: it is to run again, within 64 ms.
  static void send_later(errand<P>& e) noexcept { queue_.send_later(e); }

  /// For make(): starts the thread (a drop at level `any` could not), enforces the limit.
  /// Level: `process`. Cost when there is nothing to do: one relaxed load.
  [[nodiscard]] static bool admit() noexcept {
    return !attention_.load(std::memory_order_relaxed) || attend();
  }

  /// Starts the thread if there is none; also after shutdown(). False: none to be had.
  /// Level: `process`.
  static bool start() noexcept {
    // First of all: a child that is born while we are starting must not wait for our thread.
    fork_handler_.ask(&after_fork);
    std::uint32_t was = life_.load(std::memory_order_relaxed);
    do {
      if (was != none && was != shut_down) return true;
    } while (!life_.compare_exchange_weak(was, starting, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    if (P::start_thread(&live)) return true;
    life_.store(none, std::memory_order_release);
    P::wake_all(life_);                                 // a flush may be waiting for the thread
    attention_.store(true, std::memory_order_release);  // the next make() tries again
    return false;
  }

  /// Waits until all that was deferred before the call has run, and all that that deferred again.
  /// Level: `process`, outside teardowns and reclaimers; else `flush_refused`, and false.
  static bool flush() noexcept {
    if (!may_run_here()) {
      P::report(misuse::flush_refused, &queue_);
      return false;
    }
    if (life_.load(std::memory_order_relaxed) == none) static_cast<void>(start());
    typename queue::barrier mine;
    if (queue_.push_barrier(mine)) wake();
    while (mine.passed.load(std::memory_order_acquire) == 0) {  // pairs with pass()
      // A read-modify-write reads the newest value: either it is `shut_down`, or the thread's
      // exchange of `shut_down` comes later, acquires our push, and its last look finds the barrier.
      const std::uint32_t life = life_.fetch_add(0, std::memory_order_acq_rel);
      if (life == starting) {
        P::wait(life_, starting);  // it may yet fail to start
      } else if (is_thread(life)) {
        P::wait(mine.passed, 0);
      } else {
        // Nobody else will: run it here. A barrier that another flush runs is passed all the same.
        queue_.begin_run();
        static_cast<void>(queue_.run(at_a_time));
        queue_.end_run();
      }
    }
    return true;
  }

  /// Runs up to `most` deferred teardowns on the calling thread, which says by this that it holds
  /// nothing they need. Returns how many; 0 if the worker is at it itself.
  /// Level: `process`, outside teardowns and reclaimers; else `help_refused`, and 0.
  static std::size_t help(std::size_t most = at_a_time) noexcept {
    if (!may_run_here()) {
      P::report(misuse::help_refused, &queue_);
      return 0;
    }
    if (!queue_.try_begin_run()) return 0;
    const std::size_t done = queue_.run(most);
    queue_.end_run();
    return done;
  }

  /// Runs what is queued, then ends the thread. Level: `process`, outside teardowns and
  /// reclaimers; else as flush().
  static bool shutdown() noexcept {
    if (!flush()) return false;
    std::uint32_t was = running;
    while (!life_.compare_exchange_weak(was, stopping, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
      if (was == shut_down || was == none) return true;
      if (was == starting) P::wait(life_, starting);
      if (was == stopping) break;
      was = running;
    }
    wake();
    for (;;) {
      const std::uint32_t now = life_.load(std::memory_order_acquire);
      if (now != stopping) break;
      P::wait(life_, now);
    }
    return true;
  }

  /// From now on make() keeps the number of pending teardowns below `pending`; 0: no limit.
  /// Acts in make() at level `process` only, never in a drop. Context: any.
  static void set_limit(std::uint64_t pending, at_limit what = at_limit::help) noexcept {
    at_limit_.store(what, std::memory_order_relaxed);
    limit_.store(pending, std::memory_order_relaxed);
    attention_.store(true, std::memory_order_release);
  }

  /// Context: any. Cost: four relaxed loads.
  [[nodiscard]] static reclaimer_counters counters() noexcept { return queue_.tally().read(); }

 private:
  static constexpr std::uint32_t none = 0;
  static constexpr std::uint32_t starting = 1;
  static constexpr std::uint32_t running = 2;
  static constexpr std::uint32_t stopping = 3;
  static constexpr std::uint32_t shut_down = 4;

  /// Nodes between two chances for a helper to take over.
  static constexpr std::size_t at_a_time = 64;

  /// Milliseconds between two looks at what an errand looks at, from the first to the later ones.
  static constexpr std::uint32_t shortest_pause = 1;
  static constexpr std::uint32_t longest_pause = 64;

  /// What the worker knows when it gives up the right to run.
  struct findings {
    bool more;     ///< there was more to run, or there is again; else the list is marked asleep
    bool errands;  ///< some are to be run again after a while
  };

  /// A place to run somebody else's teardowns, or to wait for them.
  static bool may_run_here() noexcept {
    const auto& here = P::state();
    return here.at_rest() && here.runner() == nullptr;
  }

  static bool is_thread(std::uint32_t life) noexcept {
    return life == starting || life == running || life == stopping;
  }

  static void wake() noexcept {
    // release: pairs with the worker's acquire load, after which it must see that the mark is gone
    wakeups_.fetch_add(1, std::memory_order_release);
    queue_.tally().woke_one();
    P::wake_one(wakeups_);
  }

  /// The thread.
  static void live() noexcept {
    worker_state_.store(&P::state(), std::memory_order_relaxed);
    life_.store(running, std::memory_order_release);
    P::wake_all(life_);
    for (std::uint32_t pause = shortest_pause;;) {
      // acquire: pairs with the release in wake(); what a call before this look was about is seen
      const std::uint32_t ticket = wakeups_.load(std::memory_order_acquire);
      if (life_.load(std::memory_order_acquire) == stopping) break;
      const findings found = run_and_mark_asleep();
      if (!found.errands) pause = shortest_pause;
      if (found.more) continue;
      if (!found.errands) {
        P::wait(wakeups_, ticket);
        continue;
      }
      wait_for(ticket, pause);
      pause = std::min(2 * pause, longest_pause);
    }
    worker_state_.store(nullptr, std::memory_order_relaxed);
    life_.exchange(shut_down, std::memory_order_acq_rel);  // pairs with the RMW in flush()
    run_all();
    P::wake_all(life_);
  }

  static void run_all() noexcept {
    std::size_t done = at_a_time;
    while (done >= at_a_time) {
      queue_.begin_run();
      done = queue_.run(at_a_time);
      queue_.end_run();
    }
  }

  /// Marks the list asleep while it has the right to run, hence knows that nothing is left: a helper
  /// in between could take what was pushed without waking anybody, and leave some of it.
  static findings run_and_mark_asleep() noexcept {
    queue_.begin_run();
    const bool asleep = queue_.run(at_a_time) < at_a_time && queue_.incoming().mark_asleep();
    const bool errands = queue_.end_run();
    return {.more = !asleep, .errands = errands};
  }

  /// Sleeps until the next wake(), but no longer than `pause` where the platform can tell.
  static void wait_for(std::uint32_t ticket, std::uint32_t pause) noexcept {
    if constexpr (requires { P::wait_for(wakeups_, ticket, pause); }) {
      P::wait_for(wakeups_, ticket, pause);
    } else {
      P::wait(wakeups_, ticket);
    }
  }

  TREFOIL_COLD static bool attend() noexcept {
    if (life_.load(std::memory_order_relaxed) == none) static_cast<void>(start());
    const std::uint64_t limit = limit_.load(std::memory_order_acquire);
    if (limit == 0) {
      // Lowered, then looked again: whoever raises it before is seen (acquire: pairs with the release
      // of set_limit), whoever does after leaves it raised.
      attention_.exchange(false, std::memory_order_acquire);
      if (limit_.load(std::memory_order_relaxed) != 0 ||
          life_.load(std::memory_order_relaxed) == none) {
        attention_.store(true, std::memory_order_release);
      }
      return true;
    }
    return make_room(limit);
  }

  static bool make_room(std::uint64_t limit) noexcept {
    if (!may_run_here()) return true;  // nor a place to wait
    while (queue_.tally().pending() >= limit) {
      if (at_limit_.load(std::memory_order_relaxed) == at_limit::fail) return false;
      queue_.begin_run();
      const bool found = queue_.run(1) != 0;
      queue_.end_run();
      if (!found) P::relax();  // somebody has counted his, and has not pushed it yet
    }
    return true;
  }

  /// In the child of a fork() the thread does not exist; the next make(), flush() or start()
  /// starts another. What was queued still is; a teardown that was under way there is not finished.
  static void after_fork() noexcept {
    // The forking thread may be the worker itself, in a teardown: then it goes on as such.
    if (worker_state_.load(std::memory_order_relaxed) == &P::state()) {
      return queue_.after_fork(/*caller_runs=*/true);
    }
    worker_state_.store(nullptr, std::memory_order_relaxed);  // another thread may get its place
    queue_.after_fork(P::state().runner() == &queue_);        // in help() he runs, and still does
    if (!is_thread(life_.load(std::memory_order_relaxed))) return;
    life_.store(none, std::memory_order_relaxed);
    attention_.store(true, std::memory_order_release);
  }

  static inline constinit queue queue_{};
  static inline constinit typename P::template atomic<std::uint32_t> life_{none};
  static inline constinit typename P::template atomic<std::uint32_t> wakeups_{0};
  static inline constinit typename P::template atomic<std::uint64_t> limit_{0};
  static inline constinit typename P::template atomic<at_limit> at_limit_{at_limit::help};
  static inline constinit fork_handler<P> fork_handler_{};
  // Tells the worker's thread from others.
  static inline constinit typename P::template atomic<const void*> worker_state_{nullptr};
  // make() has something to look at: no thread yet, or a limit.
  static inline constinit typename P::template atomic<bool> attention_{true};
};

}  // namespace trefoil
