// SPDX-License-Identifier: Apache-2.0
/// @file
/// The queue behind the worker and the polled reclaimer: anybody adds, one at a time runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/errand.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil {

/// Nodes run in the order in which they were deferred. Made of the objects' own nodes: no memory.
///
///     defer() --> incoming_ --(taken whole, turned round)--> batch_ --> run
///             \-> again_, if the thread that defers is the one that runs: emptied after each node
///
/// What a teardown defers again runs before the node behind it. So when a node of flush() comes up,
/// everything deferred before it has run, and everything that deferred in turn.
///
/// The right to run (`runner_`) is held by one thread at a time: worker, helper or poller.
/// batch_ and later_ (errands that come up again with the next run) belong to its holder.
template <class P>
class reclaim_queue {
 public:
  using node = deferred<P>;

  constexpr reclaim_queue() noexcept = default;
  reclaim_queue(const reclaim_queue&) = delete;
  reclaim_queue& operator=(const reclaim_queue&) = delete;

  /// Adds a teardown. True: the consumer sleeps and must be woken. Context: any; lock-free.
  bool defer(node& n) noexcept {
    const inside<P, region::reclaimer> mark;
    tally_.deferred_one();
    return add(n);
  }

  /// Adds an errand. As defer(), but not counted.
  bool send(errand<P>& e) noexcept {
    const inside<P, region::reclaimer> mark;
    return add(e);
  }

  /// The errand that runs now is to run again, but not at once: when the next run() begins. By
  /// whoever has the right to run.
  void send_later(errand<P>& e) noexcept {
    e.next.set(later_.get());
    later_.set(&e);
  }

  /// Passed when all that was deferred before it has run. Lives on the stack of the thread that
  /// waits for it.
  struct barrier : errand<P> {
    barrier() noexcept : errand<P>(&pass) {}
    typename P::template atomic<std::uint32_t> passed{0};
  };

  /// Adds a barrier. As defer(); behind what is there, whoever adds it.
  bool push_barrier(barrier& b) noexcept { return incoming_.push(b); }

  /// Takes the right to run if nobody has it. Context: any.
  /// acquire: pairs with the release of end_run(), which hands batch_ over.
  [[nodiscard]] bool try_begin_run() noexcept {
    std::uint32_t expected = nobody;
    return runner_.compare_exchange_strong(expected, running, std::memory_order_acquire,
                                           std::memory_order_relaxed);
  }

  /// Waits for the right to run. Level `process`; needs a platform that can wait.
  void begin_run() noexcept {
    if (try_begin_run()) return;
    // From here on the word says that somebody waits, so that end_run() wakes.
    while (runner_.exchange(running_awaited, std::memory_order_acquire) != nobody) {
      P::wait(runner_, running_awaited);
    }
  }

  /// True: an errand is to be run again after a while.
  bool end_run() noexcept {
    const bool later = later_.get() != nullptr;
    // release: pairs with the acquire of the next runner
    if (runner_.exchange(nobody, std::memory_order_release) == running_awaited) {
      if constexpr (requires { P::wake_one(runner_); }) P::wake_one(runner_);
    }
    return later;
  }

  /// Runs up to `most` nodes at the present level; returns how many. The caller has the right to run
  /// and is in no teardown. Below `process`, what is not allowed goes back to the queue.
  std::size_t run(std::size_t most) noexcept {
    auto& here = P::state();
    take_later();
    if (here.here() != context::process) return run_what_is_allowed(here, most);
    std::size_t done = 0;
    do {
      here.set_runner(this);
      done += run_again(here);
      while (done < most) {
        node* const n = next_node(/*take_more=*/true);
        if (n == nullptr) break;
        done += run_one(here, *n) + run_again(here);
      }
      here.set_runner(nullptr);
      // A signal handler on this thread may have deferred to us just before.
    } while (!again_.empty());
    return done;
  }

  [[nodiscard]] take_all_list<P>& incoming() noexcept { return incoming_; }
  [[nodiscard]] reclaimer_tally<P>& tally() noexcept { return tally_; }

  /// In the child of a fork(): the thread that had the right to run does not exist here, unless the
  /// caller has it himself. Errands are forgotten: barriers stand on the stacks of threads that wait
  /// for them there, and one that was being taken here would be lost without a trace.
  void after_fork(bool caller_runs) noexcept {
    if (!caller_runs) runner_.store(nobody, std::memory_order_relaxed);
    batch_.set(without_errands(batch_.get()));
    later_.set(nullptr);
    put_in_front(again_, without_errands(again_.take_if_any()));
    put_in_front(incoming_, without_errands(incoming_.take_if_any()));
  }

 private:
  static constexpr std::uint32_t nobody = 0;
  static constexpr std::uint32_t running = 1;
  static constexpr std::uint32_t running_awaited = 2;

  bool add(node& n) noexcept {
    if (P::state().runner() == this) {
      again_.push(n);
      return false;
    }
    return incoming_.push(n);
  }

  /// Returns the number of teardowns it was: 1, or 0 for an errand.
  std::size_t run_one(context::state<P>& here, node& n) noexcept {
    const typename node::work work = n.run.get();
    const bool counted = !errand<P>::is(n);
    if (counted) tally_.begun_one();
    here.begin_teardown();
    work(n);  // not touched afterwards
    here.end_teardown();
    return counted ? 1 : 0;
  }

  /// What the teardowns that ran here have deferred again, and what those deferred.
  std::size_t run_again(context::state<P>& here) noexcept {
    std::size_t done = 0;
    while (node* n = reversed(again_.take_if_any())) {
      while (n != nullptr) {
        node* const next = n->next.get();
        done += run_one(here, *n);
        n = next;
      }
    }
    return done;
  }

  /// Below `process`: one batch, and this thread does not count as the runner, so that what has to
  /// be deferred again goes to the end of the queue instead of coming straight back.
  std::size_t run_what_is_allowed(context::state<P>& here, std::size_t most) noexcept {
    std::size_t done = 0;
    bool take_more = true;
    while (done < most) {
      node* const n = next_node(take_more);
      if (n == nullptr) break;
      take_more = false;
      done += run_one(here, *n);
    }
    return done;
  }

  static void pass(errand<P>& e) noexcept {
    auto& passed = static_cast<barrier&>(e).passed;
    // release: pairs with the acquire in flush(). After the store the barrier may be gone; waking
    // uses its address alone.
    passed.store(1, std::memory_order_release);
    if constexpr (requires { P::wake_all(passed); }) P::wake_all(passed);
  }

  [[nodiscard]] node* next_node(bool take_more) noexcept {
    const inside<P, region::reclaimer> mark;
    node* n = batch_.get();
    if (n == nullptr && take_more) n = reversed(incoming_.take_if_any());
    if (n != nullptr) batch_.set(n->next.get());
    return n;
  }

  /// Errands that were to wait run first now.
  void take_later() noexcept {
    node* const first = later_.get();
    if (first == nullptr) return;
    later_.set(nullptr);
    last_of(first)->next.set(batch_.get());
    batch_.set(first);
  }

  [[nodiscard]] static node* without_errands(node* n) noexcept {
    node* first = nullptr;
    node* last = nullptr;
    for (; n != nullptr; n = n->next.get()) {
      if (errand<P>::is(*n)) continue;
      if (last == nullptr) {
        first = n;
      } else {
        last->next.set(n);
      }
      last = n;
    }
    if (last != nullptr) last->next.set(nullptr);
    return first;
  }

  static void put_in_front(take_all_list<P>& list, node* chain) noexcept {
    if (chain == nullptr) return;
    static_cast<void>(list.push_chain(*chain, *last_of(chain)));
  }

  [[nodiscard]] static node* reversed(node* n) noexcept {
    node* result = nullptr;
    while (n != nullptr) {
      node* const next = n->next.get();
      n->next.set(result);
      result = n;
      n = next;
    }
    return result;
  }

  take_all_list<P> incoming_;
  take_all_list<P> again_;
  typename P::template cell<node*> batch_{};  // handed on through runner_
  typename P::template cell<node*> later_{};  // likewise
  typename P::template atomic<std::uint32_t> runner_{nobody};
  reclaimer_tally<P> tally_;
};

}  // namespace trefoil
