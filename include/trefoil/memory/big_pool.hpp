// SPDX-License-Identifier: Apache-2.0
/// @file
/// The pool of big blocks: each comes from the platform by itself, and no thread keeps any.
///
/// | operation | level               | what it does                                                  |
/// | --------- | ------------------- | ------------------------------------------------------------- |
/// | allocate  | `process`           | a block that waits; else one from the platform                |
/// | allocate  | `atomic`            | a block that waits; else null                                 |
/// | allocate  | `any`               | null                                                          |
/// | release   | `process`           | to the platform, with all that wait                           |
/// | release   | `atomic`, `any`     | it waits: one compare-exchange                                |
/// | trim      | `process`           | all that wait to the platform                                 |
///
/// Type-stable blocks (findable objects) always wait: only trim gives them back.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/memory/figures.hpp"
#include "trefoil/memory/short_lock.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/statistic.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil {

template <class P, std::size_t Size, std::size_t Align, class Blocks>
class TREFOIL_ONE_PER_PROCESS big_pool {
  using node = deferred<P>;

 public:
  /// Memory for one block, or null: out of memory, or none at hand at this level.
  [[nodiscard]] static void* allocate(context::level here) noexcept {
    if (here == context::any) return nullptr;
    const inside<P, region::pool> mark;
    if (here == context::process) forks_.ask(&before_fork, &after_fork, &after_fork);
    node* const n = take_one(here);
    if (here != context::process) return n;
    if constexpr (!Blocks::type_stable) give_all_back(/*wait=*/false);
    if (n != nullptr) return n;
    void* const memory = P::allocate(Size, Align);
    if (memory == nullptr) return nullptr;
    blocks_.fetch_add(1, std::memory_order_relaxed);
    return Blocks::carve(memory);
  }

  /// Takes a block back. Context: any.
  static void release(void* block, context::level here) noexcept {
    const inside<P, region::pool> mark;
    node* const n = Blocks::freed(block);
    if constexpr (!Blocks::type_stable) {
      if (here == context::process) {
        give_back(*n);
        give_all_back(/*wait=*/false);
        return;
      }
    }
    dropped_.push(*n);
  }

  /// As pool::trim().
  static std::size_t trim() noexcept {
    if (P::state().here() != context::process) {
      P::report(misuse::trim_refused, &dropped_);
      return 0;
    }
    const inside<P, region::pool> mark;
    return give_all_back(/*wait=*/true);
  }

  /// As pool::figures(). Level: `process`: O(blocks that wait). At `atomic` those count as living.
  [[nodiscard]] static pool_figures figures() noexcept {
    pool_figures f{.block_bytes = Size};
    const bool exact = P::state().here() == context::process;
    if (exact) lock_.lock();
    f.slabs = blocks_.load(std::memory_order_relaxed);
    if (exact) {
      merge();
      for (node* n = waiting_.get(); n != nullptr; n = n->next.get()) ++f.shared;
      lock_.unlock();
    }
    f.bytes = f.slabs * Size;
    f.living = f.slabs - f.shared;
    return f;
  }

  /// Bytes got from the platform and not given back. Context: any.
  [[nodiscard]] static std::size_t bytes_reserved() noexcept {
    return blocks_.load(std::memory_order_relaxed) * Size;
  }

 private:
  [[nodiscard]] static node* take_one(context::level here) noexcept {
    if (!lock_.lock_at(here)) return nullptr;
    merge();
    node* const n = waiting_.get();
    if (n != nullptr) waiting_.set(n->next.get());
    lock_.unlock();
    return n;
  }

  /// Under the lock: what was dropped waits beside what waited before.
  static void merge() noexcept {
    node* const dropped = dropped_.take_if_any();
    if (dropped == nullptr) return;
    if (node* const before = waiting_.get()) last_of(dropped)->next.set(before);
    waiting_.set(dropped);
  }

  /// A drop does not wait for the lock: whoever holds it is here for the same.
  static std::size_t give_all_back(bool wait) noexcept {
    if (wait) {
      lock_.lock();
    } else if (!lock_.try_lock()) {
      return 0;
    }
    merge();
    node* chain = waiting_.get();
    waiting_.set(nullptr);
    lock_.unlock();
    std::size_t bytes = 0;
    while (chain != nullptr) {
      node* const next = chain->next.get();
      give_back(*chain);
      bytes += Size;
      chain = next;
    }
    return bytes;
  }

  static void give_back(node& n) noexcept {
    blocks_.fetch_sub(1, std::memory_order_relaxed);
    P::deallocate(&n, Size, Align);
  }

  static void before_fork() noexcept { lock_.hold_over_fork(P::state().here()); }
  static void after_fork() noexcept { lock_.let_go_after_fork(P::state().here()); }

  static inline constinit short_lock<P> lock_{};
  static inline constinit take_all_list<P> dropped_{};
  static inline constinit typename P::template cell<node*> waiting_{nullptr};
  static inline constinit typename detail::statistic_on<P, std::size_t>::type blocks_{0};
  static inline constinit fork_handler<P> forks_{};
};

}  // namespace trefoil
