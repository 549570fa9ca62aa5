// SPDX-License-Identifier: Apache-2.0
/// @file
/// How static parts of the mechanism hear of a fork().
#pragma once

#include <atomic>

#include "trefoil/platform.hpp"

namespace trefoil {

/// Asks once for a call in the child of a fork(); nothing where the platform knows no fork.
/// Constant-initialised, for static members.
template <class P>
class fork_handler {
 public:
  constexpr fork_handler() noexcept = default;

  /// Two threads at a time may both ask; the handler must bear being called twice.
  /// Level: `process`. Cost, once asked: one load.
  void ask([[maybe_unused]] void (*run)()) noexcept {
    if constexpr (requires { P::in_forked_child(run); }) {
      // acquire: pairs with the release below, so that whoever sees `true` and forks has the handler
      // in its list
      if (asked_.load(std::memory_order_acquire)) [[likely]]
        return;
      P::in_forked_child(run);
      asked_.store(true, std::memory_order_release);
    }
  }

 private:
  typename P::template atomic<bool> asked_{false};
};

}  // namespace trefoil
