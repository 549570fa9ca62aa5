// SPDX-License-Identifier: Apache-2.0
/// @file
/// A lock-free list that knows two operations: push one, take everything.
///
/// That restriction is the point. There is no pop, hence no ABA problem; a push may interrupt
/// another push of the same thread (a signal handler) or a take; nobody ever waits.
#pragma once

#include <atomic>

#include "trefoil/attributes.hpp"
#include "trefoil/deferred.hpp"

namespace trefoil {

/// State of the head word:
///
/// | head    | meaning                                              | push             | take_all   |
/// | ------- | ---------------------------------------------------- | ---------------- | ---------- |
/// | null    | empty; a consumer, if there is one, is awake         | -> nodes         | null       |
/// | asleep  | empty; the consumer waits to be woken                | -> nodes, "wake" | -> null    |
/// | nodes   | newest first                                         | -> nodes         | -> null    |
///
/// Only the push that replaces `asleep` has to wake the consumer: one call per sleep, not per push.
template <class P>
class take_all_list {
 public:
  using node = deferred<P>;

  constexpr take_all_list() noexcept = default;
  take_all_list(const take_all_list&) = delete;
  take_all_list& operator=(const take_all_list&) = delete;

  /// Adds a node. True: the consumer sleeps, and waking it falls to the caller.
  /// Context: any, signal handlers included. Cost: one compare-exchange; lock-free.
  /// Ordering: release; pairs with the acquire of take_all().
  TREFOIL_NONBLOCKING bool push(node& n) noexcept { return push_chain(n, n); }

  /// Adds the chain first..last, linked through `next`, in front. As push().
  TREFOIL_NONBLOCKING bool push_chain(node& first, node& last) noexcept {
    node* head = head_.load(std::memory_order_relaxed);  // only compared, never dereferenced
    for (;;) {
      const bool asleep = head == asleep_mark();
      last.next.set(asleep ? nullptr : head);
      // release: the taker must see the chain's links and whatever its teardowns will read
      if (head_.compare_exchange_weak(head, &first, std::memory_order_release,
                                      std::memory_order_relaxed)) {
        return asleep;
      }
    }
  }

  /// Takes all nodes, newest first; null if there are none. An `asleep` mark is taken off, too.
  /// Context: any. Cost: one exchange. Ordering: acquire; pairs with the release of push().
  TREFOIL_NONBLOCKING [[nodiscard]] node* take_all() noexcept {
    node* const head = head_.exchange(nullptr, std::memory_order_acquire);
    return head == asleep_mark() ? nullptr : head;
  }

  /// Puts a chain that ends in null into the list if that is empty and nobody sleeps on it; false
  /// if not. For chains whose last node is far. Context: any. Ordering: release, as push().
  [[nodiscard]] bool put_if_empty(node& first) noexcept {
    node* expected = nullptr;
    return head_.compare_exchange_strong(expected, &first, std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  /// Takes all nodes unless there are none: then the word is left alone, the mark included.
  /// For consumers beside the one that sleeps. Context: any.
  TREFOIL_NONBLOCKING [[nodiscard]] node* take_if_any() noexcept {
    return empty() ? nullptr : take_all();
  }

  /// The consumer announces that it will sleep. False: something was pushed, look again. It has seen
  /// to it that nobody else takes and keeps what was pushed before the mark: that woke nobody.
  /// Ordering: relaxed: the mark carries no data; the sleeper's wake-up word orders the rest.
  [[nodiscard]] bool mark_asleep() noexcept {
    node* expected = nullptr;
    return head_.compare_exchange_strong(expected, asleep_mark(), std::memory_order_relaxed,
                                         std::memory_order_relaxed) ||
           expected == asleep_mark();  // left by a consumer that is gone (fork)
  }

  /// The consumer's mark still stands: nobody pushed since. Context: any.
  [[nodiscard]] bool marked_asleep() const noexcept {
    return head_.load(std::memory_order_relaxed) == asleep_mark();
  }

  /// Nothing to take, and nobody sleeps: all that there is to ask, by one comparison, of a list on
  /// which nobody ever does. As empty().
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool empty_and_awake() const noexcept {
    return head_.load(std::memory_order_relaxed) == nullptr;
  }

  /// Nothing to take at this moment. Context: any. Ordering: none (relaxed).
  [[nodiscard]] bool empty() const noexcept {
    node* const head = head_.load(std::memory_order_relaxed);
    return head == nullptr || head == asleep_mark();
  }

 private:
  // An address that no node has: that of this list itself, which is no node.
  [[nodiscard]] node* asleep_mark() const noexcept {
    return reinterpret_cast<node*>(const_cast<take_all_list*>(this));
  }

  typename P::template atomic<node*> head_{nullptr};
};

}  // namespace trefoil
