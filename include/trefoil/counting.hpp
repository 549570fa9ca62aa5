// SPDX-License-Identifier: Apache-2.0
/// @file
/// Which references of an object are counted where: in its counts (counts.hpp), or per CPU, for tiers that
/// say so (per_cpu_count.hpp). All references to such a tier own one in the counts, while there are any.
///
/// | operation, on a tier counted per CPU | there                    | in the counts                          |
/// | ------------------------------------ | ------------------------ | -------------------------------------- |
/// | get, by a holder of it or of a tier outside it | +1             | +1 if it is the only one there         |
/// | try_get                              | +1 if there are any      | else +1 if the tier is alive, which is then the one that those there own |
/// | mint                                 | +1                       | +1, and -1 if it is not the only one there |
/// | put                                  | -1                       | -1 if it was the last there            |
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/attributes.hpp"
#include "trefoil/layout.hpp"

namespace trefoil::detail {

/// An object's references, as numbers; what happens when there are none is staged.hpp's.
template <class Traits, class... Tiers>
class counting : protected layout<Traits, Tiers...> {
 protected:
  using base = layout<Traits, Tiers...>;
  template <std::size_t K>
  static constexpr bool is_per_cpu = base::template is_per_cpu<K>;

  constexpr counting() noexcept = default;
  constexpr explicit counting(beginning how) noexcept : base(how) {}

  /// By a holder of tier K or of one outside it.
  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE TREFOIL_NONBLOCKING void get() noexcept {
    if constexpr (is_per_cpu<K>) {
      if (!this->template cpu_count<K>().get()) [[likely]]
        return;
    }
    this->counts.template get<K>();
  }

  template <std::size_t K>
  [[nodiscard]] bool try_get() noexcept {
    if constexpr (is_per_cpu<K>) {
      if (this->template cpu_count<K>().try_get()) [[likely]]
        return true;
    }
    if (!this->counts.template try_get<K>()) return false;
    count_here<K>();
    return true;
  }

  /// Unless it has been killed.
  template <std::size_t K>
  [[nodiscard]] bool try_get_live() noexcept {
    return this->template cpu_count<K>().try_get_live();
  }

  /// By code inside the object (counts.hpp).
  template <std::size_t K>
  [[nodiscard]] bool mint() noexcept {
    if (!this->counts.template mint<K>()) return false;
    count_here<K>();
    return true;
  }

  /// True: the caller has one reference in the counts to give back.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool put_here() noexcept {
    if constexpr (is_per_cpu<K>) {
      return this->template cpu_count<K>().put();
    } else {
      return true;
    }
  }

  /// All tiers are constructed; the first reference, to the outermost one, is in the counts.
  void open_per_cpu() noexcept {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      (open_tier_per_cpu<K>(), ...);
    }(std::index_sequence_for<Tiers...>{});
  }

  /// At some moment, the collective one of the tier outside included. For diagnosis.
  template <std::size_t K>
  [[nodiscard]] std::uint64_t holders() noexcept {
    const std::uint64_t counted = this->counts.template holders<K>();
    if constexpr (is_per_cpu<K>) {
      auto& there = this->template cpu_count<K>();
      return counted + there.holders() - (there.owns_one() ? 1 : 0);
    } else {
      return counted;
    }
  }
  template <std::size_t K>
  [[nodiscard]] bool saturated() noexcept {
    if constexpr (is_per_cpu<K>) {
      if (this->template cpu_count<K>().saturated()) return true;
    }
    return this->counts.template saturated<K>();
  }

 private:
  /// The caller has a reference in the counts. It becomes one per CPU, if that is where it belongs.
  template <std::size_t K>
  void count_here() noexcept {
    if constexpr (is_per_cpu<K>) {
      if (!this->template cpu_count<K>().get()) not_needed<K>();
    }
  }

  /// Those that are counted per CPU have their one in the counts already.
  template <std::size_t K>
  void not_needed() noexcept {
    static_cast<void>(this->counts.template put<K>());  // not the last, hence
  }

  template <std::size_t K>
  void open_tier_per_cpu() noexcept {
    if constexpr (is_per_cpu<K>) {
      if constexpr (K != 0) this->counts.template get<K>();
      if (!this->template cpu_count<K>().open(K == 0 ? 1 : 0)) not_needed<K>();
    }
  }
};

}  // namespace trefoil::detail
