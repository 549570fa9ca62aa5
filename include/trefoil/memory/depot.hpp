// SPDX-License-Identifier: Apache-2.0
/// @file
/// The depot: all free blocks of one size that no thread keeps for itself.
///
///     drops at level any -> | dropped | -> | sorted out | -> | slabs     | -> the platform
///     threads, a batch   -> |      magazines            | -> | of blocks | <- the platform
///
/// | place        | what is there                                 | touched by                         |
/// | ------------ | --------------------------------------------- | ---------------------------------- |
/// | `dropped_`   | given back at level `any`; push only          | everybody; taken under the lock    |
/// | `taken_`     | the same, taken; being sorted into slabs      | under the lock                     |
/// | `magazines_` | batches from threads, for threads; few        | under the lock                     |
/// | `partial_`   | slabs with blocks here and elsewhere          | under the lock                     |
/// | `whole_`     | slabs of which all blocks are here            | under the lock                     |
///
/// What keeps memory bounded by what lives:
/// - Free blocks are always where the next thread looks, or in somebody's stock of bounded size. Nobody
///   takes a list of them out of here to look through it: `dropped_` is taken under the lock, too.
/// - A slab comes from the platform only for who found nothing, under the lock.
/// - Each visit takes a bounded number of blocks out of `taken_`, for its thread or to their slabs, and
///   at level `process` gives slabs back that are wholly free, but for `kept_whole()`.
///
/// The lock is a short one (short_lock.hpp): held for O(batch) steps, never at level `any`. A thread
/// that takes waits for it; one that gives does not: if it is held, the blocks go to `dropped_`.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/memory/figures.hpp"
#include "trefoil/memory/short_lock.hpp"
#include "trefoil/memory/slab.hpp"
#include "trefoil/memory/stock.hpp"
#include "trefoil/memory/two_way_list.hpp"
#include "trefoil/statistic.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil {

template <class P, std::size_t Size, std::size_t Align, class Blocks>
class TREFOIL_ONE_PER_PROCESS depot {
 public:
  using node = deferred<P>;
  using slab = trefoil::slab<P, Size, Align, Blocks>;

  static constexpr std::size_t stock_slab_bytes = 262'144;
  /// Blocks that threads and depot hand each other at a time. A stock has two batches and one block more,
  /// and each of them may be the last one out of its slab: their slabs are 256 KiB and one page, or three.
  static constexpr std::size_t batch = std::clamp<std::size_t>(
      std::min(32768 / Size, (stock_slab_bytes + 4096 - slab::bytes()) / (2 * slab::bytes())), 1,
      32);
  using stock = trefoil::stock<P, batch>;

  constexpr depot() noexcept = default;
  depot(const depot&) = delete;
  depot& operator=(const depot&) = delete;

  /// `wanted` blocks (`batch`, or 1) as a chain, or fewer, as many as `got` says; null: none. At level
  /// `process` that means that the platform has no memory; at `atomic`, that nothing is at hand or that
  /// the lock was not to be had. Level: `atomic`.
  [[nodiscard]] node* take(context::level here, std::size_t wanted, std::size_t& got) noexcept {
    got = 0;
    if (!lock_.lock_at(here)) return nullptr;
    node* chain = gather(wanted, got);
    if (chain == nullptr && here == context::process) {
      add_slab();
      chain = gather(wanted, got);
    }
    look_again();
    end_visit(here);
    return chain;
  }

  /// A block given back at level `any`. Context: any. Cost: one compare-exchange.
  TREFOIL_NONBLOCKING void drop(node& n) noexcept {
    dropped_.push(n);
    notice();
  }

  /// Something was dropped and not looked at yet. For threads that need nothing from here, so that they
  /// look after it now and then (tidy()). Context: any. Cost: one load, of a line that changes rarely.
  [[nodiscard]] bool dropped_some() const noexcept {
    return noticed_.load(std::memory_order_relaxed) != 0;
  }

  /// A full magazine. Never waits. Level: `atomic`.
  void put_magazine(node& first, context::level here) noexcept {
    if (!lock_.try_lock()) {
      dropped_.push_chain(first, *last_of(&first));
      return notice();
    }
    add_magazine(first);
    sort(batch);
    end_visit(here);
  }

  /// One block, from a thread without a stock. Never waits. Level: `atomic`.
  void put(node& n, context::level here) noexcept {
    if (!lock_.try_lock()) return drop(n);
    put_in_slab(n);
    sort(batch);
    end_visit(here);
  }

  /// Any number of blocks, as a chain that ends in null; returns the bytes that went back to the
  /// platform meanwhile. Waits. Level: `process`. O(blocks).
  std::size_t put_all(node* chain) noexcept {
    std::size_t bytes = 0;
    while (chain != nullptr) {
      lock_.lock();
      chain = put_in_slabs(chain, batch);
      bytes += end_visit(context::process);
    }
    return bytes;
  }

  /// What a visit does beside what it was made for. Never waits. Level: `atomic`.
  void tidy(context::level here) noexcept {
    if (!lock_.try_lock()) return;
    sort(4 * batch);
    end_visit(here);
  }

  /// Gives all slabs that are wholly free back; returns their bytes. Level: `process`. O(free blocks).
  std::size_t trim() noexcept {
    sort_all();
    lock_.lock();
    for (std::size_t i = magazines_count_.get(); i != 0; --i)
      put_in_slabs(magazines_[i - 1].get(), batch);
    magazines_count_.set(0);
    slab* const all = detach_whole(0);
    lock_.unlock();
    return give_back(all);
  }

  /// Level: `process`: O(blocks dropped at level `any` that nobody has sorted yet). At `atomic` such
  /// blocks count as living, beyond the first few.
  [[nodiscard]] pool_figures figures(context::level here) noexcept {
    pool_figures f{.block_bytes = Size, .slabs = slabs(), .bytes = bytes()};
    if (here == context::process) sort_all();
    if (!lock_.lock_at(here)) return f;
    sort(batch);
    f.slabs = slabs();
    f.bytes = bytes();
    std::size_t elsewhere = out_.get() - magazines_count_.get() * batch;
    f.shared = f.slabs * slab::blocks() - elsewhere;
    for (const stock* s = stocks_.first(); s != nullptr; s = s->after.get()) f.cached += s->size();
    // A thread may have dropped blocks between the two looks.
    f.cached = std::min(f.cached, elsewhere);
    f.living = elsewhere - f.cached;
    end_visit(here);
    return f;
  }

  /// Slabs got from the platform and not given back. Context: any.
  [[nodiscard]] std::size_t slabs() const noexcept {
    return slabs_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return slabs() * slab::bytes(); }

  /// A stock that figures() asks. Level: `process`.
  void add_stock(stock& s) noexcept {
    lock_.lock();
    stocks_.add(s);
    lock_.unlock();
  }
  void remove_stock(stock& s) noexcept {
    lock_.lock();
    stocks_.remove(s);
    lock_.unlock();
  }

  /// Around a fork(). Context: any (short_lock.hpp).
  void before_fork(context::level here) noexcept { lock_.hold_over_fork(here); }
  void after_fork_in_parent(context::level here) noexcept { lock_.let_go_after_fork(here); }
  /// Other threads' stocks are gone with them. `mine`: this thread's, or null.
  void after_fork_in_child(context::level here, stock* mine) noexcept {
    if (here == context::any) return;
    stocks_.clear();
    if (mine != nullptr) stocks_.add(*mine);
    lock_.let_go_after_fork(here);
  }

 private:
  // relaxed: a hint; pairs with the exchange in look_again(). On a CPU that moves a load before an exchange
  // (x86 does not) a block may lie in dropped_ unnoticed, until the next one comes, or a visit for any
  // other reason.
  void notice() noexcept {
    if (noticed_.load(std::memory_order_relaxed) == 0) noticed_.store(1, std::memory_order_relaxed);
  }

  /// 64 KiB of blocks in 256 KiB of slabs, as a stock; or one.
  static constexpr std::size_t most_magazines = std::clamp<std::size_t>(
      std::min(65536 / (batch * Size), stock_slab_bytes / (batch * slab::bytes())), 1, 4);

  /// Slabs that stay though nothing lives in them: a share of all there are, so that an ebb and flow
  /// of objects does not go to the platform each time; 64 KiB in any case.
  [[nodiscard]] std::size_t kept_whole() const noexcept {
    return std::max<std::size_t>(65536 / slab::bytes(), slabs() / 8);
  }

  // ---- under the lock ----

  /// What comes at hand soonest, first.
  [[nodiscard]] node* gather(std::size_t wanted, std::size_t& got) noexcept {
    node* chain = nullptr;
    look_at_dropped();
    for (node* n = taken_.get(); n != nullptr && got != wanted; n = taken_.get(), ++got) {
      taken_.set(n->next.get());
      n->next.set(chain);
      chain = n;
    }
    if (got == 0 && wanted == batch && magazines_count_.get() != 0) {
      const std::size_t last = magazines_count_.get() - 1;
      magazines_count_.set(last);
      got = batch;
      return magazines_[last].get();
    }
    for (; got != wanted; ++got) {
      slab* const from = slab_with_blocks();
      if (from == nullptr) break;
      node& n = from->take();
      if (from->exhausted()) partial_.remove(*from);
      out_.set(out_.get() + 1);
      n.next.set(chain);
      chain = &n;
    }
    return chain;
  }

  [[nodiscard]] slab* slab_with_blocks() noexcept {
    if (slab* const s = partial_.first()) return s;
    slab* const s = whole_.first();
    if (s == nullptr) return nullptr;
    whole_.remove(*s);
    whole_count_.set(whole_count_.get() - 1);
    partial_.add(*s);
    return s;
  }

  void look_at_dropped() noexcept {
    if (taken_.get() == nullptr) taken_.set(dropped_.take_if_any());
  }

  /// Whether there is more to sort. First the notice is taken off, then the look: what is dropped
  /// meanwhile notices again. acq_rel, an exchange: so that the look does not come first (notice()).
  void look_again() noexcept {
    if (taken_.get() == nullptr && noticed_.load(std::memory_order_relaxed) != 0)
      noticed_.exchange(0, std::memory_order_acq_rel);
    if (taken_.get() != nullptr || !dropped_.empty_and_awake()) notice();
  }

  /// Brings so many blocks at most to their slabs.
  void sort(std::size_t most) noexcept {
    look_at_dropped();
    taken_.set(put_in_slabs(taken_.get(), most));
    look_again();
  }

  /// So many blocks of the chain at most; returns the rest.
  node* put_in_slabs(node* chain, std::size_t most) noexcept {
    for (; chain != nullptr && most != 0; --most) {
      node* const next = chain->next.get();
      put_in_slab(*chain);
      chain = next;
    }
    return chain;
  }

  void put_in_slab(node& n) noexcept {
    slab& s = slab::of(n);
    const bool was_exhausted = s.exhausted();
    s.put(n);
    out_.set(out_.get() - 1);
    if (s.wholly_free()) {
      if (!was_exhausted) partial_.remove(s);
      whole_.add(s);
      whole_count_.set(whole_count_.get() + 1);
    } else if (was_exhausted) {
      partial_.add(s);
    }
  }

  void add_magazine(node& first) noexcept {
    std::size_t count = magazines_count_.get();
    if (count == most_magazines) {
      // The oldest goes: the others are warm.
      put_in_slabs(magazines_[0].get(), batch);
      for (std::size_t i = 1; i != count; ++i) magazines_[i - 1].set(magazines_[i].get());
      --count;
    }
    magazines_[count].set(&first);
    magazines_count_.set(count + 1);
  }

  /// All slabs that are wholly free, but for so many, as a chain.
  [[nodiscard]] slab* detach_whole(std::size_t but) noexcept {
    slab* chain = nullptr;
    for (std::size_t count = whole_count_.get(); count > but; --count) {
      slab* const s = whole_.first();
      whole_.remove(*s);
      s->after.set(chain);
      chain = s;
      whole_count_.set(count - 1);
      slabs_.fetch_sub(1, std::memory_order_relaxed);
    }
    return chain;
  }

  /// Unlocks; returns the bytes that went back to the platform. What a slab of type-stable blocks was,
  /// a finder may still look at: it stays until trim.
  std::size_t end_visit(context::level here) noexcept {
    slab* surplus = nullptr;
    if constexpr (!slab::type_stable) {
      if (here == context::process) surplus = detach_whole(kept_whole());
    }
    lock_.unlock();
    return give_back(surplus);
  }

  // ---- not under it ----

  /// Under the lock before and after, not while the platform is asked.
  void add_slab() noexcept {
    lock_.unlock();
    void* const memory = P::allocate(slab::bytes(), slab::bytes());
    lock_.lock();
    if (memory == nullptr) return;
    whole_.add(*::new (memory) slab);
    whole_count_.set(whole_count_.get() + 1);
    slabs_.fetch_add(1, std::memory_order_relaxed);
  }

  static std::size_t give_back(slab* chain) noexcept {
    std::size_t bytes = 0;
    while (chain != nullptr) {
      slab* const next = chain->after.get();
      P::deallocate(chain, slab::bytes(), slab::bytes());
      bytes += slab::bytes();
      chain = next;
    }
    return bytes;
  }

  /// All that was dropped before. Level: `process`.
  void sort_all() noexcept {
    for (int lists = 0; lists != 2; ++lists) {  // what was taken already, then what was not
      bool more = true;
      while (more) {
        lock_.lock();
        if (lists == 1 || taken_.get() != nullptr) sort(4 * batch);
        more = taken_.get() != nullptr;
        lock_.unlock();
      }
    }
  }

  // Read by every thread all the time: on a line of its own.
  alignas(64) typename detail::statistic_on<P, std::uint32_t>::type noticed_{0};
  alignas(64) short_lock<P> lock_;
  take_all_list<P> dropped_;
  typename P::template cell<node*> taken_{nullptr};
  two_way_list<slab> partial_;
  two_way_list<slab> whole_;
  typename P::template cell<std::size_t> whole_count_{0};
  typename P::template cell<std::size_t> out_{
      0};  // blocks of all slabs that are not in their slabs
  typename P::template cell<std::size_t> magazines_count_{0};
  std::array<typename P::template cell<node*>, most_magazines> magazines_{};
  typename detail::statistic_on<P, std::size_t>::type slabs_{0};
  two_way_list<stock> stocks_;
};

}  // namespace trefoil
