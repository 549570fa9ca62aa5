// SPDX-License-Identifier: Apache-2.0
/// @file
/// A reclaimer that hands teardowns to an executor of the user's own.
#pragma once

#include <concepts>
#include <utility>

#include "trefoil/attributes.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/reclaimer.hpp"

namespace trefoil {

template <class P, class Post>
class basic_executor;

/// One deferred teardown, to be called once, at a level that allows it (else it is deferred again).
/// Movable, pointer-sized. One that is destroyed without having been called leaks its object, and
/// stays in `pending` for ever.
template <class P, class Post>
class deferred_work {
 public:
  deferred_work(deferred_work&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  deferred_work& operator=(deferred_work&& other) noexcept {
    node_ = std::exchange(other.node_, nullptr);
    return *this;
  }

  /// Runs the teardown. Context: `atomic` or `process`, outside teardowns.
  void operator()() noexcept {
    deferred<P>* const node = std::exchange(node_, nullptr);
    if (node != nullptr) basic_executor<P, Post>::run(*node);
  }

  /// For executors that queue through C: the work as a pointer, and back.
  [[nodiscard]] void* detach() && noexcept { return std::exchange(node_, nullptr); }
  [[nodiscard]] static deferred_work adopt(void* detached) noexcept {
    return deferred_work(*static_cast<deferred<P>*>(detached));
  }

 private:
  friend class basic_executor<P, Post>;
  explicit deferred_work(deferred<P>& node) noexcept : node_(&node) {}
  deferred<P>* node_;
};

/// `Post` is a class with `static void post(deferred_work<P, Post>) noexcept`, callable wherever the
/// objects are dropped: if that is a signal handler, it must be async-signal-safe.
template <class P, class Post>
class TREFOIL_ONE_PER_PROCESS basic_executor {
 public:
  static constexpr bool defers = true;
  using work = deferred_work<P, Post>;

  static void defer(deferred<P>& n) noexcept {
    tally_.deferred_one();
    Post::post(work(n));
  }

  [[nodiscard]] static bool admit() noexcept { return true; }

  /// Context: any.
  [[nodiscard]] static reclaimer_counters counters() noexcept { return tally_.read(); }

 private:
  friend class deferred_work<P, Post>;

  static void run(deferred<P>& n) noexcept {
    tally_.begun_one();
    auto& here = P::state();
    if (here.must_postpone()) {
      here.postpone(n);
      return;
    }
    here.begin_teardown();
    n.run.get()(n);
    here.end_teardown();
  }

  static inline constinit reclaimer_tally<P> tally_{};
};

}  // namespace trefoil
