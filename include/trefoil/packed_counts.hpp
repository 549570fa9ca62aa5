// SPDX-License-Identifier: Apache-2.0
/// @file
/// All counts of an object in one 64-bit word. The default for up to four tiers.
///
/// One word makes `demote` one atomic operation, and lets a single load prove that an owner is
/// unique. Its price is range (see `usable`) and that all tiers share a cache line; `wide_counts`
/// and `padded_counts` trade the other way.
///
/// The states, transitions and memory orders are those of counts.hpp.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/attributes.hpp"
#include "trefoil/counts.hpp"
#include "trefoil/misuse.hpp"

namespace trefoil {

namespace detail {

/// Default widths in bits. The innermost tier gets what is left over: its reference is the plain,
/// commonest one.
///
/// | tiers | widths         | references per tier, at most     |
/// | ----- | -------------- | -------------------------------- |
/// | 1     | 64             | 4.6e18                           |
/// | 2     | 32 32          | 1 073 741 823                    |
/// | 3     | 21 21 22       | 524 287, 524 287, 1 048 575      |
/// | 4     | 16 16 16 16    | 16 383                           |
template <std::size_t N>
consteval std::array<unsigned, N> default_widths() {
  std::array<unsigned, N> widths{};
  unsigned left = 64;
  for (std::size_t k = 0; k < N; ++k) {
    widths[k] = left / static_cast<unsigned>(N - k);
    left -= widths[k];
  }
  return widths;
}

template <std::size_t N, unsigned... Widths>
consteval std::array<unsigned, N> widths_of() {
  if constexpr (sizeof...(Widths) == 0) {
    static_assert(N <= 4, "trefoil: packed counts have default widths for 1 to 4 tiers; name them, "
                          "as packed_counts<W...>, or use wide_counts");
    return default_widths<N>();
  } else {
    static_assert(sizeof...(Widths) == N, "trefoil: packed_counts<W...> names one width per tier");
    static_assert(((Widths >= 8) && ...), "trefoil: a count field has 8 to 64 bits");
    static_assert((Widths + ... + 0U) <= 64,
                  "trefoil: the widths of packed counts add up to at most 64 bits");
    return {Widths...};
  }
}

}  // namespace detail

/// Policy: counts in one word, with the given widths (outermost tier first) or the defaults.
template <unsigned... Widths>
struct packed_counts {
  /// The counts of one object of N tiers. Every operation: context any, lock-free.
  template <class P, std::size_t N, bool Findable>
  class type;
};

template <unsigned... Widths>
template <class P, std::size_t N, bool Findable>
class packed_counts<Widths...>::type {
  using word = std::uint64_t;

  static constexpr std::array<unsigned, N> widths = detail::widths_of<N, Widths...>();

  template <std::size_t K>
  using field = detail::biased_field<word, widths[K]>;

  static constexpr unsigned shift(std::size_t k) noexcept {
    unsigned bits = 0;
    for (std::size_t i = 0; i < k; ++i) bits += widths[i];
    return bits;
  }

  template <std::size_t K>
  static constexpr word unit = word{1} << shift(K);

  template <std::size_t K>
  static constexpr word value(word w) noexcept {
    return (w >> shift(K)) & field<K>::mask;
  }

  template <std::size_t K>
  static constexpr word with(word w, word v) noexcept {
    return (w & ~(field<K>::mask << shift(K))) | (v << shift(K));
  }

  static constexpr word dead_value(std::size_t k) noexcept { return word{1} << (widths[k] - 2); }
  static constexpr word owned_value(std::size_t k) noexcept { return word{1} << (widths[k] - 3); }

  /// Tiers outside k dead, k and all inside it held by the collective references alone: whoever
  /// sees this and has a reference to k has the only one.
  static constexpr word unique(std::size_t k) noexcept {
    word w = 0;
    for (std::size_t i = 0; i < N; ++i) w |= (dead_value(i) + (i >= k ? 1 : 0)) << shift(i);
    return w;
  }

  /// Tiers outside `alive` dead, the rest owned without a count. exclusive(0): under construction.
  static constexpr word exclusive(std::size_t alive) noexcept {
    word w = 0;
    for (std::size_t i = 0; i < N; ++i)
      w |= (i < alive ? dead_value(i) : owned_value(i)) << shift(i);
    return w;
  }

 public:
  /// A demote is one atomic operation, and a unique owner needs none.
  static constexpr bool one_word = true;

  /// The most references tier K can have.
  template <std::size_t K>
  static constexpr std::uint64_t usable = field<K>::usable;

  /// Dead: a slot of findable objects, before its first.
  constexpr type() noexcept = default;
  constexpr explicit type(detail::beginning how) noexcept
      : word_(how == detail::beginning::open ? unique(0) : exclusive(0)) {}
  type(const type&) = delete;
  type& operator=(const type&) = delete;

  /// Construction begins in a slot that had objects before: as beginning::closed.
  /// relaxed: nobody else has a reference; a finder's compare-exchange fails before and after.
  void begin() noexcept { word_.store(exclusive(0), std::memory_order_relaxed); }

  /// Tier K is constructed. The word opens only when all are: finish().
  template <std::size_t K>
  void constructed() noexcept {}

  /// Tier K is constructed but is not to live: dead, and its maker's to tear down.
  template <std::size_t K>
  void refused() noexcept {
    word_.fetch_add((field<K>::dead - field<K>::owned) * unit<K>, std::memory_order_relaxed);
  }

  /// All tiers are constructed: the maker's ownership becomes one counted reference to tier 0.
  /// release: pairs with the acquire of a finder's try_get().
  void finish() noexcept {
    if constexpr (!Findable) {
      if (word_.load(std::memory_order_relaxed) == exclusive(0)) [[likely]] {
        // Nobody else has ever had a reference, and whoever gets one gets it from us.
        word_.store(unique(0), std::memory_order_relaxed);
        return;
      }
    }
    finish_shared(std::make_index_sequence<N>{});
  }

  /// One more reference to tier K, by somebody who has one.
  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE void get() noexcept {
    const word old = value<K>(word_.fetch_add(unit<K>, std::memory_order_relaxed));
    if (!field<K>::takes_one_more(old)) [[unlikely]]
      repair_get<K>(old);
  }

  /// A reference to tier K for somebody who keeps the memory alive (by a lower reference, or because
  /// it is type-stable), unless the tier is gone.
  template <std::size_t K>
  [[nodiscard]] bool try_get() noexcept {
    word w = word_.load(std::memory_order_relaxed);
    for (;;) {
      const word v = value<K>(w);
      if (v <= field<K>::dead) return false;
      if (v >= field<K>::saturated) [[unlikely]]
        return true;  // pinned: alive for ever
      if (word_.compare_exchange_weak(w, w + unit<K>, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        if (v == field<K>::last_usable) [[unlikely]]
          pin<K>(misuse::add_not_zero_overflow);
        return true;
      }
    }
  }

  /// A reference to tier K for code that runs in a tier outside K, or in K: it has no counted
  /// reference to stand on, but somebody around it owns one. Fails if K is dead.
  template <std::size_t K>
  [[nodiscard]] bool mint() noexcept {
    word w = word_.load(std::memory_order_relaxed);
    for (;;) {
      const word v = value<K>(w);
      if (v == field<K>::owned) {
        // Exclusive: count the owner's collective references from K inwards, and ours.
        const word counted = count_owned<K>(w) + unit<K>;
        // release: a finder that acquires the reopened tiers must see them constructed
        if (word_.compare_exchange_weak(w, counted, std::memory_order_release,
                                        std::memory_order_relaxed)) {
          return true;
        }
        continue;
      }
      return try_get<K>();
    }
  }

  /// Whether the caller, who has a reference to tier K, has the only one there is.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool is_unique() const noexcept {
    // acquire: pairs with the releases of all earlier puts, as the last put's load does
    return word_.load(std::memory_order_acquire) == unique(K);
  }

  /// The holder of a unique reference, who can get no company but by finders, makes himself the owner
  /// of the object from K inwards, without a count; he closes each tier before its teardown: close().
  /// Findable objects are closed to finders right here. False: somebody has found it meanwhile.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool claim() noexcept {
    if constexpr (Findable) {
      word w = unique(K);
      return word_.compare_exchange_strong(w, exclusive(K + 1), std::memory_order_acquire,
                                           std::memory_order_relaxed);
    } else {
      return true;
    }
  }

  /// The unique owner closes tier K, just before its teardown; tiers inside it stay owned.
  /// relaxed: whoever reads the word as open or closed got his reference from the owner.
  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE void close() noexcept {
    word_.store(exclusive(K + 1), std::memory_order_relaxed);
  }

  /// After the teardown of tier K by its unique owner: nothing was minted meanwhile.
  /// relaxed: if the word is as the owner left it, nobody else has come near the object.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool untouched() const noexcept {
    return word_.load(std::memory_order_relaxed) == exclusive(K + 1);
  }

  /// Gives a reference to tier K back. True: it was the last; K is dead, the caller its owner.
  /// False: the object must not be touched again.
  /// release: pairs with the acquire load of whoever gives the last one back.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put() noexcept {
    return dropped<K>(value<K>(word_.fetch_sub(unit<K>, std::memory_order_release)));
  }

  /// Turns a reference to tier K into one to the inner tier J, in one operation: there is no
  /// instant at which the holder has neither. True: K is dead, the caller its owner.
  template <std::size_t K, std::size_t J>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool move() noexcept {
    static_assert(K < J);
    // release: as put(). The get half needs no order.
    const word old = word_.fetch_add(unit<J> - unit<K>, std::memory_order_release);
    const word taken = value<J>(old);
    if (!field<J>::takes_one_more(taken)) [[unlikely]]
      repair_get<J>(taken);
    return dropped<K>(value<K>(old));
  }

  /// Tier K-1 has been torn down by the caller, who owned it: gives up its collective reference
  /// to tier K. True: K is dead, the caller its owner. False: not to be touched again. `pins`: who
  /// pins the object without a count may yet share it, so that even a unique reference has to be
  /// counted down; looked at after the counts, whose acquire brings what was pinned under others.
  template <std::size_t K, class Pins>
  [[nodiscard]] bool put_collective(const Pins& pins) noexcept {
    // relaxed: if the word is as the owner left it, nobody else has come near the object
    const word w = word_.load(std::memory_order_relaxed);
    if (w == exclusive(K)) {
      close<K>();
      return true;
    }
    if (value<K>(w) == field<K>::owned) [[unlikely]] {
      // A tier further in was minted. Others work on that field of the word, none on this one.
      word_.fetch_add((field<K>::dead - field<K>::owned) * unit<K>, std::memory_order_relaxed);
      return true;
    }
    if (is_unique<K>() && !pins.was_pinned() && claim<K>()) {
      close<K>();
      return true;
    }
    return put<K>();
  }

  /// Undoes the put that made the caller the owner of tier K, before anything was torn down.
  template <std::size_t K>
  void revive() noexcept {
    if (word_.load(std::memory_order_relaxed) == exclusive(K + 1)) {
      word_.store(unique(K), std::memory_order_release);
    } else {
      word_.fetch_add(unit<K>, std::memory_order_release);
    }
  }

  /// References to tier K at some moment, the collective one included. For diagnosis.
  template <std::size_t K>
  [[nodiscard]] std::uint64_t holders() const noexcept {
    return field<K>::holders(value<K>(word_.load(std::memory_order_relaxed)));
  }

  /// The count of tier K has been pinned by a misuse: the object is kept for ever.
  template <std::size_t K>
  [[nodiscard]] bool saturated() const noexcept {
    return value<K>(word_.load(std::memory_order_relaxed)) >= field<K>::saturated;
  }

 private:
  /// Judges a decrement of field K by the value it found.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool dropped(word old) noexcept {
    if (field<K>::drops_to_alive(old)) [[likely]]
      return false;
    if (old == field<K>::dead + 1) [[likely]] {
      // Ours alone now. acquire: pairs with the release of every earlier put of this tier.
      static_cast<void>(word_.load(std::memory_order_acquire));
      return true;
    }
    pin<K>(old <= field<K>::dead ? misuse::sub_underflow : misuse::add_overflow);
    return false;
  }

  template <std::size_t K>
  TREFOIL_COLD void repair_get(word old) noexcept {
    pin<K>(old <= field<K>::dead ? misuse::add_on_zero : misuse::add_overflow);
  }

  /// Sets field K, and it alone, to its pinned value. Whoever does it reports; who finds it done
  /// says nothing, so that one misuse is reported once. The object is never freed from here on,
  /// hence may be touched.
  template <std::size_t K>
  TREFOIL_COLD void pin(misuse kind) noexcept {
    word w = word_.load(std::memory_order_relaxed);
    bool first = false;
    do {
      const word v = value<K>(w);
      if (field<K>::settled(v)) return;
      // Drifted away from the pinned value by many drops: set back, without a word.
      first = field<K>::unreported(v);
    } while (!word_.compare_exchange_weak(w, with<K>(w, field<K>::pinned),
                                          std::memory_order_relaxed, std::memory_order_relaxed));
    if (first) P::report(kind, this);
  }

  /// w with the owned fields from K inwards at 1.
  template <std::size_t K>
  static constexpr word count_owned(word w) noexcept {
    if constexpr (K == N) {
      return w;
    } else {
      if (value<K>(w) == field<K>::owned) w = with<K>(w, field<K>::dead + 1);
      return count_owned<K + 1>(w);
    }
  }

  /// Opens whatever construction has not opened: fields still owned are nobody else's, the others
  /// may be in use by those to whom a constructor gave a minted reference.
  template <std::size_t... K>
  void finish_shared(std::index_sequence<K...>) noexcept {
    word w = word_.load(std::memory_order_relaxed);
    word opened = 0;
    do {
      // anew each time: a minted reference turns owned fields into counted ones
      opened =
          w + (word{0} + ... +
               (value<K>(w) == field<K>::owned ? (field<K>::dead + 1 - field<K>::owned) * unit<K>
                                               : word{0}));
      // release: pairs with the acquire of a finder's try_get()
    } while (!word_.compare_exchange_weak(w, opened, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  typename P::template atomic<word> word_{exclusive(N)};
};

}  // namespace trefoil
