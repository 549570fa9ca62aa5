// SPDX-License-Identifier: Apache-2.0
/// @file
/// A per-CPU count: references that each CPU adds to and takes from a cell of its own, so that nothing
/// is contended; what each cell holds means nothing, the sum is the count. Nobody can see such a sum
/// become zero: so it is KILLED first, and is an ordinary count from there on. Linux's percpu_ref.
///
/// All references that are counted here own ONE reference in the object's counts (counts.hpp), a second
/// collective reference, so to say; whoever gives the last one back here gives that back there.
///
/// | state        | `open_` | `rest_`                      | the reference in the counts            |
/// | ------------ | ------- | ---------------------------- | -------------------------------------- |
/// | not yet open | 0       | what a constructor minted    | while there are any                    |
/// | per CPU      | cells   | bias + what missed the cells | there                                  |
/// | killed       | 0       | bias + what comes now        | there                                  |
/// | confirmed: atomic | 0  | all                          | there                                  |
/// | zero         | 0       | 0                            | not there; the object's counts decide  |
///
/// From zero it can begin again if something else keeps the tier: a holder of a tier outside it shares.
///
/// WHO COUNTS WHERE. A cell is changed in one of two ways, the same one in the whole process:
///
/// | way      | an add                                             | closing                                        |
/// | -------- | -------------------------------------------------- | ---------------------------------------------- |
/// | atomics  | a read-modify-write of the lane's cell: RELEASE for a put | each cell is exchanged for a mark: ACQUIRE. Whoever finds the mark counts in `rest_`. No waiting, any context |
/// | sections | an add without a lock, in a restartable section that looks at `open_` and at which CPU it is on | `open_` is cleared; then all sections are restarted (a membarrier), which orders what they did before what comes; level `process`, else by a node of its own |
///
/// The bias keeps `rest_` from zero until the cells' sum is in it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/cpu_cells.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/single_count.hpp"

namespace trefoil::detail {

/// The platform has restartable sections; whether they can be used is known at run time.
template <class P>
concept has_sections = requires(const typename P::template atomic<std::uint64_t>& open) {
  { P::add_in_section(open, std::uint64_t{1}) } noexcept;
};

/// The count of one tier. All calls: context any and lock-free, if nothing else is said.
template <class P>
class per_cpu_count {
  using set = cell_set<P>;
  using cell = typename set::cell;

 public:
  /// The deferral node of a kill, beside the object's own: the tiers outside may be dying meanwhile.
  struct kill_node : deferred<P> {
    typename P::template cell<void*> object{nullptr};
    typename P::template cell<void (*)()> confirmed{nullptr};
  };

  constexpr per_cpu_count() noexcept = default;
  per_cpu_count(const per_cpu_count&) = delete;
  per_cpu_count& operator=(const per_cpu_count&) = delete;

  /// Memory, before the object is built. Level: as a pool's (pool.hpp).
  [[nodiscard]] bool take_cells(context::level here) noexcept {
    cells_ = set::take(here);
    return cells_ != nullptr;
  }
  /// When all tiers are gone.
  void give_back_cells(context::level here) noexcept {
    if (cells_ != nullptr) set::give_back(*cells_, here);
  }

  /// From here on it counts per CPU; `references` there are already. The caller adds a reference to the
  /// object's counts for it, before. True: it keeps that. False: there is one; the caller takes his back.
  [[nodiscard]] bool open(std::uint64_t references) noexcept {
    const bool first = rest_.begin(bias + references);
    std::uint64_t how = by_atomics;
    if constexpr (has_sections<P>) {
      if (P::sections_work()) how = by_sections;
    }
    // release: pairs with try_get(), whose caller may have a lower reference from a constructor and know
    // nothing of this tier's, and with close()
    open_.store(reinterpret_cast<std::uintptr_t>(cells_->first()) + how, std::memory_order_release);
    return first;
  }

  /// One more, by somebody who keeps the tier alive. True: it is the only one here, and the caller adds
  /// a reference to the object's counts for it. Order: relaxed.
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool get() noexcept {
    if (add<std::memory_order_relaxed>(1)) [[likely]]
      return false;
    return rest_.begin(1);
  }

  /// One more, if there are any. Order: acquire on success, pairs with open().
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool try_get() noexcept {
    return add<std::memory_order_acquire>(1) || rest_.try_get();
  }

  /// One more, unless it has been killed: the bias is in rest_ until the sum is.
  [[nodiscard]] bool try_get_live() noexcept {
    return add<std::memory_order_acquire>(1) || (live() && rest_.try_get(bias / 2));
  }

  /// True: it was the last; the caller gives the reference in the object's counts back. Order: release.
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put() noexcept {
    if (add<std::memory_order_release>(minus_one)) [[likely]]
      return false;
    return rest_.put();
  }

  /// It is open, and nobody has killed it so far.
  [[nodiscard]] bool live() const noexcept { return open_.load(std::memory_order_relaxed) != 0; }

  // ---- the kill ------------------------------------------------------------------------------------

  /// A kill may have to wait.
  [[nodiscard]] bool waits() const noexcept {
    return (open_.load(std::memory_order_relaxed) & by_sections) != 0;
  }

  /// What close() found; to be settled, here if the level allows it.
  enum class closing : std::uint8_t { done_before, settles_anywhere, settles_at_process };

  /// The cells take no more. Of several calls one finds that. acquire: pairs with open().
  [[nodiscard]] closing close() noexcept {
    const std::uint64_t was = open_.exchange(0, std::memory_order_acquire);
    if (was == 0) return closing::done_before;
    return (was & by_sections) != 0 ? closing::settles_at_process : closing::settles_anywhere;
  }

  /// Adds the cells up. From here on all is counted in one place, and one reference is the caller's. By
  /// whoever has closed it. Level: by sections `process`. False: it cannot be known who still counts in
  /// the cells; the tier stays for ever.
  [[nodiscard]] bool settle([[maybe_unused]] bool sections) noexcept {
    std::uint64_t sum = 0;
    if constexpr (has_sections<P>) {
      if (sections && !P::restart_sections()) return false;
    }
    for (std::size_t i = 0; i != lanes<P>(); ++i) {
      // acquire: pairs with the release of puts into this cell. By sections an exchange finds the same
      // as a load would: nobody changes the cell any more.
      sum += cells_->at(i).exchange(closed, std::memory_order_acquire);
    }
    rest_.take_in(sum - bias + 1);
    return true;
  }
  /// The caller's own one, after that. As put().
  [[nodiscard]] bool settled() noexcept { return rest_.put(); }

  kill_node& node() noexcept { return node_; }

  // ---- for diagnosis -------------------------------------------------------------------------------

  /// References at some moment, if nobody changes them meanwhile. Cost: a load for each lane.
  [[nodiscard]] std::uint64_t holders() const noexcept {
    const std::uint64_t rest = rest_.holders();
    if (rest < bias / 2) return rest;
    std::uint64_t sum = rest - bias;
    for (std::size_t i = 0; i != lanes<P>(); ++i) {
      const std::uint64_t in_cell = cells_->at(i).load(std::memory_order_relaxed);
      if (!is_closed(in_cell)) sum += in_cell;
    }
    return sum > bias ? 0 : sum;  // more drops than references
  }
  /// They own one in the object's counts.
  [[nodiscard]] bool owns_one() const noexcept { return rest_.holders() != 0; }
  [[nodiscard]] bool saturated() const noexcept { return rest_.saturated(); }

 private:
  static constexpr std::uint64_t minus_one = ~std::uint64_t{0};
  /// More than there can be references, and far from the ends of rest_.
  static constexpr std::uint64_t bias = std::uint64_t{1} << 60;
  /// In a cell: closed. Far from what can be counted in one, to both sides of zero.
  static constexpr std::uint64_t closed = std::uint64_t{1} << 62;
  [[nodiscard]] static constexpr bool is_closed(std::uint64_t in_cell) noexcept {
    return in_cell - closed / 2 < closed;
  }

  /// In open_, beside the cells' address. One test tells a section that it may go on.
  static constexpr std::uint64_t by_atomics = 2;
  static constexpr std::uint64_t by_sections = 1;

  /// Adds n to this lane's cell, if that is open and can be reached.
  template <std::memory_order Order>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool add(std::uint64_t n) noexcept {
    if constexpr (has_sections<P>) {
      if (P::add_in_section(open_, n)) [[likely]]
        return true;
    }
    return add_by_atomics<Order>(n);
  }
  template <std::memory_order Order>
  [[nodiscard]] bool add_by_atomics(std::uint64_t n) noexcept {
    constexpr bool acquires = Order == std::memory_order_acquire;
    const std::uint64_t open =
        open_.load(acquires ? std::memory_order_acquire : std::memory_order_relaxed);
    if ((open & by_atomics) == 0) return false;
    auto* const first = reinterpret_cast<cell*>(static_cast<std::uintptr_t>(open - by_atomics));
    return !is_closed(set::cell_of(first, lane<P>()).fetch_add(n, Order));
  }

  typename P::template atomic<std::uint64_t> open_{0};
  single_count<P, std::uint64_t> rest_;
  set* cells_ = nullptr;  // not changed while there are references
  kill_node node_;
};

}  // namespace trefoil::detail
