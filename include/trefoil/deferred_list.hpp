// SPDX-License-Identifier: Apache-2.0
/// @file
/// Hand-back: teardowns that the caller keeps and runs after its locks.
#pragma once

#include <cstddef>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"

namespace trefoil {

/// The teardowns that `ref::drop_into` did not run. Used under a lock that they would need, or that
/// is too hot to hold so long (RocksDB's SuperVersion under the DB mutex; exec since Linux 7.2):
///
///     trefoil::deferred_list later;            // declared before the lock, so that it ends after it
///     std::lock_guard guard(mutex);
///     std::move(current).drop_into(later);
///
/// Belongs to one thread; no atomic operation, no memory. Runs what is left when it is destroyed.
template <class P>
class basic_deferred_list {
 public:
  basic_deferred_list() noexcept = default;
  basic_deferred_list(basic_deferred_list&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  basic_deferred_list& operator=(basic_deferred_list&& other) noexcept {
    basic_deferred_list taken(std::move(other));
    std::swap(first_, taken.first_);
    std::swap(last_, taken.last_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~basic_deferred_list() { run(); }

  /// Runs the teardowns in the order of the drops, each inline if the level here allows it, else
  /// deferred to its object's reclaimer. Inside a teardown: after it. Context: any.
  void run() noexcept {
    deferred<P>* const chain = std::exchange(first_, nullptr);
    last_ = nullptr;
    size_ = 0;
    if (chain == nullptr) return;
    auto& here = P::state();
    if (here.must_postpone()) {
      postpone_each(here, chain);
      return;
    }
    here.begin_teardown();
    run_chain<P>(chain);
    here.end_teardown();
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  /// For ref::drop_into.
  void add(deferred<P>& n) noexcept {
    n.next.set(nullptr);
    if (last_ == nullptr) {
      first_ = &n;
    } else {
      last_->next.set(&n);
    }
    last_ = &n;
    ++size_;
  }

 private:
  static void postpone_each(context::state<P>& here, deferred<P>* n) noexcept {
    while (n != nullptr) {
      deferred<P>* const next = n->next.get();
      here.postpone(*n);
      n = next;
    }
  }

  deferred<P>* first_ = nullptr;
  deferred<P>* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace trefoil
