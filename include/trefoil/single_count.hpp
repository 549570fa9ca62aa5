// SPDX-License-Identifier: Apache-2.0
/// @file
/// One count in a word of its own: what `wide_counts` has of each tier, and what a per-CPU count
/// becomes when it is killed (per_cpu_count.hpp).
///
/// The states, transitions and memory orders are those of counts.hpp; the `owned` state is not used.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "trefoil/attributes.hpp"
#include "trefoil/counts.hpp"
#include "trefoil/misuse.hpp"

namespace trefoil::detail {

/// Every operation: context any, lock-free.
template <class P, class Word>
class single_count {
  using field = biased_field<Word, std::numeric_limits<Word>::digits>;

 public:
  /// The most references there can be.
  static constexpr std::uint64_t usable = field::usable;

  constexpr single_count() noexcept = default;
  single_count(const single_count&) = delete;
  single_count& operator=(const single_count&) = delete;

  /// One reference, the maker's. Precondition: dead, and nobody else's yet.
  /// release: pairs with the acquire of a finder's try_get().
  void open() noexcept { references_.store(field::dead + 1, std::memory_order_release); }

  /// One more, by somebody who has one.
  TREFOIL_ALWAYS_INLINE void get() noexcept {
    const Word old = references_.fetch_add(1, std::memory_order_relaxed);
    if (!field::takes_one_more(old)) [[unlikely]] {
      pin(old <= field::dead ? misuse::add_on_zero : misuse::add_overflow);
    }
  }

  /// One, unless there are no more than so many.
  [[nodiscard]] bool try_get(Word least = 0) noexcept {
    Word v = references_.load(std::memory_order_relaxed);
    for (;;) {
      if (v <= field::dead + least) return false;
      if (v >= field::saturated) [[unlikely]]
        return true;
      if (references_.compare_exchange_weak(v, v + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
        if (v == field::last_usable) [[unlikely]]
          pin(misuse::add_not_zero_overflow);
        return true;
      }
    }
  }

  /// So many more, whether there are any or not. True: there were none.
  /// release: pairs with try_get(), whose caller may know nothing of what the caller has constructed.
  [[nodiscard]] bool begin(Word references) noexcept {
    const Word old = references_.fetch_add(references, std::memory_order_release);
    if (old == field::dead) return true;
    if (!field::takes_one_more(old)) [[unlikely]]
      pin(old < field::dead ? misuse::add_on_zero : misuse::add_overflow);
    return false;
  }

  /// True: it was the last.
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put() noexcept {
    const Word old = references_.fetch_sub(1, std::memory_order_release);
    if (field::drops_to_alive(old)) [[likely]]
      return false;
    if (old == field::dead + 1) [[likely]] {
      // acquire: pairs with the release of every earlier put of this tier.
      static_cast<void>(references_.load(std::memory_order_acquire));
      return true;
    }
    pin(old <= field::dead ? misuse::sub_underflow : misuse::add_overflow);
    return false;
  }

  /// Takes in what was counted elsewhere, modulo 2^n, and leaves at least one: the caller's own.
  /// relaxed: the caller's own put comes later, and passes on what he has seen there.
  void take_in(Word counted) noexcept {
    const Word sum = references_.fetch_add(counted, std::memory_order_relaxed) + counted;
    if (sum - (field::dead + 1) >= field::usable) [[unlikely]]
      pin(misuse::sub_underflow);
  }

  /// Undoes the put that was the last.
  void revive() noexcept { references_.fetch_add(1, std::memory_order_release); }

  /// For diagnosis.
  [[nodiscard]] std::uint64_t holders() const noexcept {
    return field::holders(references_.load(std::memory_order_relaxed));
  }
  [[nodiscard]] bool saturated() const noexcept {
    return references_.load(std::memory_order_relaxed) >= field::saturated;
  }

 private:
  // As packed_counts::pin.
  TREFOIL_COLD void pin(misuse kind) noexcept {
    Word v = references_.load(std::memory_order_relaxed);
    bool first = false;
    do {
      if (field::settled(v)) return;
      first = field::unreported(v);
    } while (!references_.compare_exchange_weak(v, field::pinned, std::memory_order_relaxed,
                                                std::memory_order_relaxed));
    if (first) P::report(kind, this);
  }

  typename P::template atomic<Word> references_{field::dead};
};

}  // namespace trefoil::detail
