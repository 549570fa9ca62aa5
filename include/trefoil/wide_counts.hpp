// SPDX-License-Identifier: Apache-2.0
/// @file
/// One 32-bit word per tier, for objects with more than four tiers, with more references than a
/// packed field holds, or whose tiers are hammered by different CPUs (Linux moved `mm_count` to a
/// cache line of its own in 2023).
///
/// | policy          | range per tier     | word apart | demote               | unique owner     |
/// | --------------- | ------------------ | ---------- | -------------------- | ---------------- |
/// | `packed_counts` | see there          | none       | one operation        | no RMW at all    |
/// | `wide_counts`   | 1 073 741 823      | 4 bytes    | two, lower up first  | one RMW per tier |
/// | `padded_counts` | 1 073 741 823      | 64 bytes   | two, lower up first  | one RMW per tier |
///
/// The states, transitions and memory orders are those of counts.hpp; the `owned` state is not used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/single_count.hpp"

namespace trefoil {

namespace detail {

template <class P, std::size_t N, std::size_t Alignment>
class separate_counts {
  using word = std::uint32_t;
  using one_count = single_count<P, word>;

 public:
  static constexpr bool one_word = false;

  template <std::size_t K>
  static constexpr std::uint64_t usable = one_count::usable;

  constexpr separate_counts() noexcept = default;
  /// Tiers open as they are constructed, which is early enough for both.
  constexpr explicit separate_counts(beginning) noexcept {}
  separate_counts(const separate_counts&) = delete;
  separate_counts& operator=(const separate_counts&) = delete;

  /// As in packed_counts. Every count is dead at this moment, as in a new object.
  void begin() noexcept {}

  template <std::size_t K>
  void constructed() noexcept {
    at<K>().open();
  }

  template <std::size_t K>
  void refused() noexcept {}

  void finish() noexcept {}

  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE void get() noexcept {
    at<K>().get();
  }

  template <std::size_t K>
  [[nodiscard]] bool try_get() noexcept {
    return at<K>().try_get();
  }

  template <std::size_t K>
  [[nodiscard]] bool mint() noexcept {
    return try_get<K>();
  }

  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put() noexcept {
    return at<K>().put();
  }

  /// Lower up first, so that the object is held throughout.
  template <std::size_t K, std::size_t J>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool move() noexcept {
    static_assert(K < J);
    get<J>();
    return put<K>();
  }

  /// No single load shows all counts.
  template <std::size_t K>
  [[nodiscard]] static constexpr bool is_unique() noexcept {
    return false;
  }
  template <std::size_t K>
  [[nodiscard]] static constexpr bool claim() noexcept {
    return false;
  }
  template <std::size_t K>
  void close() noexcept {}
  template <std::size_t K>
  [[nodiscard]] static constexpr bool untouched() noexcept {
    return false;
  }

  template <std::size_t K, class Pins>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put_collective(const Pins&) noexcept {
    return put<K>();
  }

  template <std::size_t K>
  void revive() noexcept {
    at<K>().revive();
  }

  template <std::size_t K>
  [[nodiscard]] std::uint64_t holders() const noexcept {
    return counts_[K].references.holders();
  }

  template <std::size_t K>
  [[nodiscard]] bool saturated() const noexcept {
    return counts_[K].references.saturated();
  }

 private:
  struct alignas(std::max(Alignment, alignof(one_count))) count {
    one_count references;
  };

  template <std::size_t K>
  [[nodiscard]] one_count& at() noexcept {
    return counts_[K].references;
  }

  count counts_[N];
};

}  // namespace detail

/// Policy: one 32-bit count per tier, side by side.
struct wide_counts {
  template <class P, std::size_t N, bool Findable>
  using type = detail::separate_counts<P, N, alignof(std::uint32_t)>;
};

/// Policy: one 32-bit count per tier, each on a cache line of its own.
struct padded_counts {
  template <class P, std::size_t N, bool Findable>
  using type = detail::separate_counts<P, N, 64>;
};

}  // namespace trefoil
