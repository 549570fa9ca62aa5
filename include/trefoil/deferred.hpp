// SPDX-License-Identifier: Apache-2.0
/// @file
/// The deferral node: how a teardown waits for a better moment without any memory of its own.
#pragma once

namespace trefoil {

/// A teardown that somebody else, or the same thread a little later, will run.
///
/// Every staged object embeds exactly one, as its first member. One is enough for all its tiers: a
/// lower tier cannot reach zero while the teardown of the tier above it, which owns the collective
/// reference, is pending. (Linux's mm_struct carries two, `async_put_work` and `delayed_drop`.)
///
/// Whoever runs a node reads `next` FIRST and never touches the node after `run` was called: the
/// next tier may have queued it again already, or its memory may be gone.
///
/// Ownership of the fields: while a node is in a list, the list's owner. They are written before
/// the push (release) and read after the take (acquire), so that plain cells suffice.
template <class P>
struct deferred {
  using work = void (*)(deferred&) noexcept;

  typename P::template cell<deferred*> next;
  typename P::template cell<work> run;
};

/// Calls `run` of every node of a chain, first to last. Context: the level that the teardowns need;
/// each looks for itself and defers what is not allowed here.
template <class P>
void run_chain(deferred<P>* node) noexcept {
  while (node != nullptr) {
    deferred<P>* const next = node->next.get();  // first: the node is not ours after the call
    node->run.get()(*node);
    node = next;
  }
}

/// The end of a chain, which is not empty. Context: any.
template <class P>
[[nodiscard]] deferred<P>* last_of(deferred<P>* node) noexcept {
  while (deferred<P>* const next = node->next.get()) node = next;
  return node;
}

}  // namespace trefoil
