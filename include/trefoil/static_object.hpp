// SPDX-License-Identifier: Apache-2.0
/// @file
/// Staged objects in static memory that are never freed (init_mm, efi_mm, tboot_mm).
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "trefoil/access.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil {

/// Storage for one object that lives from its construction to the end of the program. It holds a
/// reference to its outermost tier itself and never gives it up; references taken from it are
/// ordinary ones. One drop too many is refused and reported (`misuse::static_last_drop`).
///
///     trefoil::static_object<mm>& init_mm() { static trefoil::static_object<mm> it(args...); return it; }
///
/// Trivially destructible. Construction: level `process`; if it fails, or a constructor throws, the
/// program ends: there is none without its static objects.
template <class T>
class static_object {
 public:
  template <class... Args>
  explicit static_object(Args&&... args) noexcept {
    auto* const o = detail::birth<T>::template begin_anew<Args...>(bytes_);
    bool refused = false;
    // Not from the storage: construct() alone, and no way back.
    if (!detail::birth<T>::construct(*o, detail::access::platform_of<T>::state().here(), refused,
                                     std::forward<Args>(args)...)) {
      __builtin_trap();
    }
    o->mark_static();
  }
  static_object(const static_object&) = delete;
  static_object& operator=(const static_object&) = delete;

  /// A reference to a tier. Context: any. One relaxed add.
  template <class Tier = outermost_tier<T>>
    requires tier_of<Tier, T>
  [[nodiscard]] ref<T, Tier> get() noexcept {
    detail::access::get<T, Tier>(object());
    return detail::access::wrap<T, Tier>(&object());
  }

 private:
  [[nodiscard]] T& object() noexcept { return *std::launder(reinterpret_cast<T*>(bytes_)); }

  alignas(T) std::byte bytes_[sizeof(T)];
};

}  // namespace trefoil
