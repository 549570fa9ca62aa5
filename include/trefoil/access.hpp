// SPDX-License-Identifier: Apache-2.0
/// @file
/// The one way from free functions into staged objects and references. Not for programs.
#pragma once

#include <cstddef>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::detail {

struct access {
  template <class T>
  using platform_of = typename facts<T>::traits::platform;

  template <class T, class... Args>
  static T* build(context::level here, bool& refused, Args&&... args) {
    return birth<T>::build(here, refused, std::forward<Args>(args)...);
  }

  /// Wraps a counted reference that the caller owns.
  template <class T, class Tier>
  static ref<T, Tier> wrap(std::remove_const_t<T>* owned) noexcept {
    return ref<T, Tier>(owned);
  }

  template <class T, class Tier>
  static std::remove_const_t<T>* release(ref<T, Tier>&& r) noexcept {
    return std::exchange(r.object_, nullptr);
  }

  template <class T, class Tier>
  static bool try_get(T& o) noexcept {
    return o.template try_get<facts<T>::template index<Tier>>();
  }

  template <class T, class Tier>
  static void get(T& o) noexcept {
    o.template get<facts<T>::template index<Tier>>();
  }

  template <class T, class Tier>
  static bool mint(T& o) noexcept {
    return o.template mint<facts<T>::template index<Tier>>();
  }

  template <class T, class Tier>
  static T* around(Tier& part) noexcept {
    return static_cast<T*>(T::template around<facts<T>::template index<Tier>>(part));
  }

  /// What lazy_pin writes to a slot; the object says that it was pinned.
  template <class T>
  static deferred<platform_of<T>>& pinned(T& o) noexcept {
    o.pins.pinned();
    return o;
  }
  /// And back; null of null.
  template <class T>
  static T* object_of(deferred<platform_of<T>>* pinned) noexcept {
    return static_cast<T*>(pinned);
  }
  template <class T>
  static bool was_pinned(const T& o) noexcept {
    return o.pins.was_pinned();
  }
  /// A reference to Tier, which `held` keeps alive.
  template <class Tier, class T, class Held>
  static ref<T, Tier> share(const ref<T, Held>& held) noexcept {
    get<T, Tier>(*held.address());
    return wrap<T, Tier>(held.address());
  }
  template <class T, class Tier>
  static Tier* tier(T* o) noexcept {
    return o->template tier<facts<T>::template index<Tier>>();
  }

  template <class T, class Tier>
  static bool kill(T& o, void (*confirmed)(Tier&) noexcept) noexcept {
    return killing<T>::template begin<facts<T>::template index<Tier>>(o, confirmed);
  }
  template <class T, class Tier>
  static bool try_get_live(T& o) noexcept {
    return o.template try_get_live<facts<T>::template index<Tier>>();
  }
  template <class T, class Tier>
  static bool live(T& o) noexcept {
    return o.template cpu_count<facts<T>::template index<Tier>>().live();
  }

  template <class T>
  static auto& key(T& o) noexcept {
    return o.key.value;
  }

  template <class T>
  static std::size_t trim() noexcept {
    return T::trim();
  }
  template <class T>
  static auto figures() noexcept {
    return T::figures();
  }
  template <class T, class Tier>
  static auto figures() noexcept {
    return T::template figures_of<facts<T>::template index<Tier>>();
  }
};

}  // namespace trefoil::detail
