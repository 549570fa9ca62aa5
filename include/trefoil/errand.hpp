// SPDX-License-Identifier: Apache-2.0
/// @file
/// Errands: what a reclaimer does beside teardowns.
#pragma once

#include "trefoil/deferred.hpp"

namespace trefoil {

/// A node that stands for no teardown; reclaimers run it in its turn and do not count it. Nobody owns
/// it but who made it, and he keeps it alive until it has run.
///
/// `work` is called with the errand, in a teardown's place: at the level of whoever runs the queue
/// (`process`, or with polled perhaps `atomic`). From there on it may be sent again, or be gone.
/// In the child of a fork() errands that were on their way are forgotten: who sent them sends anew.
template <class P>
struct errand : deferred<P> {
  using errand_work = void (*)(errand&) noexcept;

  /// Constant-initialised, for statics. Context: any. Cost: three stores.
  constexpr explicit errand(errand_work what) noexcept
      : deferred<P>{typename P::template cell<deferred<P>*>(nullptr),
                    typename P::template cell<typename deferred<P>::work>(&go)},
        work(what) {}

  /// Tells errands from teardowns. By whoever has the node in his list. Cost: a load.
  [[nodiscard]] static bool is(const deferred<P>& n) noexcept { return n.run.get() == &go; }

  const errand_work work;

 private:
  static void go(deferred<P>& n) noexcept {
    auto& self = static_cast<errand&>(n);
    self.work(self);  // not touched afterwards
  }
};

}  // namespace trefoil
