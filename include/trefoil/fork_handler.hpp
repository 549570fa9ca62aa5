// SPDX-License-Identifier: Apache-2.0
/// @file
/// How static parts of the mechanism hear of a fork().
#pragma once

#include <atomic>

#include "trefoil/platform.hpp"

namespace trefoil {

/// Asks once for calls around a fork(); nothing where the platform knows no fork.
/// Constant-initialised, for static members.
template <class P>
class fork_handler {
 public:
  constexpr fork_handler() noexcept = default;

  /// A call in the child. Two threads at a time may both ask; the handler must bear being called twice.
  /// Level: `process`. Cost, once asked: one load.
  void ask([[maybe_unused]] void (*in_child)()) noexcept {
    if constexpr (requires { P::in_forked_child(in_child); }) {
      // acquire: pairs with the release below, so that whoever sees `true` and forks has the handler
      // in its list
      if (asked_.load(std::memory_order_acquire)) [[likely]]
        return;
      P::in_forked_child(in_child);
      asked_.store(true, std::memory_order_release);
    }
  }

  /// Calls before the fork, and after it in both processes, where the platform has them. One thread asks,
  /// once: a lock that `before` takes must not be taken twice. A thread that comes meanwhile goes on; if it
  /// forks before the first one is done, the calls are not made.
  /// Level: `process`. Cost, once asked: one load.
  void ask([[maybe_unused]] void (*before)(), [[maybe_unused]] void (*in_parent)(),
           [[maybe_unused]] void (*in_child)()) noexcept {
    if constexpr (requires { P::around_fork(before, in_parent, in_child); }) {
      // acquire, and release below: as above
      if (asked_.load(std::memory_order_acquire)) [[likely]]
        return;
      // relaxed: it chooses who asks; what that one has done is told by asked_
      if (asking_.exchange(true, std::memory_order_relaxed)) return;
      P::around_fork(before, in_parent, in_child);
      asked_.store(true, std::memory_order_release);
    }
  }

 private:
  typename P::template atomic<bool> asked_{false};
  typename P::template atomic<bool> asking_{false};
};

}  // namespace trefoil
