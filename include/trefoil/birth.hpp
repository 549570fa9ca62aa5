// SPDX-License-Identifier: Apache-2.0
/// @file
/// Construction of a staged object: innermost tier first; if it stops half-way, what was built is
/// torn down in order.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "trefoil/construction.hpp"
#include "trefoil/context.hpp"
#include "trefoil/counts.hpp"
#include "trefoil/part.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::detail {

template <class T>
class birth;

/// The constructor of basic_staged<Traits, Tiers...>, as functions that can fail.
template <class Traits, class... Tiers>
class birth<basic_staged<Traits, Tiers...>> {
  using self = basic_staged<Traits, Tiers...>;
  using P = typename Traits::platform;
  static constexpr std::size_t N = sizeof...(Tiers);
  template <std::size_t K>
  using nth_tier = typename nth<K, Tiers...>::type;

  /// Tears down what was built if construction stops half-way, by a refusal or an exception.
  struct unwinding {
    self* object;
    void (*undo)(self*) noexcept;
    explicit unwinding(self* o) noexcept : object(o), undo(&give_back_memory) {}
    unwinding(const unwinding&) = delete;
    unwinding& operator=(const unwinding&) = delete;
    ~unwinding() {
      if (object != nullptr) undo(object);
    }
  };

  static void give_back_memory(self* o) noexcept { o->free(P::state().here()); }

  /// Gives back the room of a tier whose constructor threw.
  template <std::size_t K>
  struct room_guard {
    self* object;
    context::level here;
    explicit room_guard(self* o, context::level l) noexcept : object(o), here(l) {}
    room_guard(const room_guard&) = delete;
    room_guard& operator=(const room_guard&) = delete;
    ~room_guard() {
      if (object != nullptr) object->template give_back_tier<K>(here);
    }
  };

  /// Construction stopped after tier K: its maker gives up the ownership of it.
  template <std::size_t K>
  static void abandon(self* o) noexcept {
    if (o->counts.template put_collective<K>(o->pins)) o->template last_dropped<K>(wherever{});
  }

  /// Tier K is constructed and said no. Its destructor is a teardown like any other.
  template <std::size_t K>
  static void undo_refused(self* o) noexcept {
    o->counts.template refused<K>();
    o->template last_dropped<K>(wherever{});
  }

  template <class Arg>
  static consteval bool is_for_some_tier() {
    return is_plain<Arg> || (is_for<Tiers, Arg>() || ...);
  }

  template <std::size_t K, std::size_t... I>
  static constexpr auto inner_list(std::index_sequence<I...>) noexcept {
    return inner_tiers<nth_tier<K + 1 + I>...>{};
  }

  template <std::size_t... I>
  static consteval bool is_constant(std::index_sequence<I...>) {
    return (
        (constant<Tiers> && !has_init<Tiers> && placement_of<Tiers>() == placement::inside &&
         !counted_per_cpu<Tiers>() &&
         constructed_from_nothing<Tiers>(inner_list<I>(std::make_index_sequence<N - 1 - I>{}))) &&
        ...);
  }

  /// Nobody can come near an object before all of it is constructed if no constructor looks. Finders
  /// can.
  template <class... Args>
  static constexpr beginning how_it_begins =
      sizeof...(Args) == 0 && !is_findable<Traits>() &&
              is_constant(std::index_sequence_for<Tiers...>{})
          ? beginning::open
          : beginning::closed;

  template <std::size_t K, class... Args>
  [[nodiscard]] static bool construct_from(self& o, context::level here, bool& refused,
                                           unwinding& unwind, Args&&... args) {
    if (!construct_one<K>(o, here, refused, unwind, std::forward<Args>(args)...)) return false;
    if constexpr (K == 0) {
      return true;
    } else {
      return construct_from<K - 1>(o, here, refused, unwind, std::forward<Args>(args)...);
    }
  }

  template <std::size_t K, class... Args>
  [[nodiscard]] static bool construct_one(self& o, context::level here, bool& refused,
                                          unwinding& unwind, Args&&... args) {
    using Tier = nth_tier<K>;
    void* const at = o.template room<K>(here);
    if (at == nullptr) return false;
    room_guard<K> guard(&o, here);
    const auto inner = [&o]<class Inner>() -> Inner& {
      return *o.template tier<index_of<Inner, Tiers...>()>();
    };
    const auto put_there = [&](auto&&... own) {
      return construct_tier<Tier>(at, inner_list<K>(std::make_index_sequence<N - 1 - K>{}), inner,
                                  std::forward<decltype(own)>(own)...);
    };
    Tier* built = nullptr;
    if constexpr (K == N - 1 && (is_plain<Args> || ...)) {
      static_assert(
          (!is_for<Tier, Args>() && ...),
          "trefoil: plain arguments go to the innermost tier, which has with<Tier>(...) already");
      built = pick_plain(put_there, std::forward<Args>(args)...);
    } else {
      built = pick_arguments<Tier>(put_there, std::forward<Args>(args)...);
    }
    guard.object = nullptr;
    refused = !initialise(*built);
    if (refused) {
      unwind.undo = &undo_refused<K>;
      return false;
    }
    o.counts.template constructed<K>();
    unwind.undo = &abandon<K>;
    return true;
  }

  /// The key changes only here, while every tier is closed to finders.
  template <class Key, class... Args>
  [[nodiscard]] static bool construct_keyed(self& o, context::level here, bool& refused,
                                            const Key& key, Args&&... args) {
    o.key.value.set(typename Traits::key(key));
    return construct_tiers(o, here, refused, std::forward<Args>(args)...);
  }

  template <class... Args>
  [[nodiscard]] static bool construct_tiers(self& o, context::level here, bool& refused,
                                            Args&&... args) {
    static_assert((is_for_some_tier<Args>() && ...),
                  "trefoil: with<Tier>(...) names a class that is not a tier of this object");
    unwinding unwind(&o);
    if (!o.take_cells(here)) return false;
    if (!construct_from<N - 1>(o, here, refused, unwind, std::forward<Args>(args)...)) return false;
    unwind.object = nullptr;
    if constexpr (how_it_begins<Args...> == beginning::closed) o.counts.finish();
    o.open_per_cpu();
    return true;
  }

 public:
  /// The object in memory that has never had one, with all that outlives its tiers and none of them.
  template <class... Args>
  [[nodiscard]] static self* begin_anew(void* room) noexcept {
    if constexpr (is_findable<Traits>()) ::new (room) self;
    return begin<Args...>(room);
  }

  /// The same in memory from the storage: findable objects are there already (layout.hpp).
  template <class... Args>
  [[nodiscard]] static self* begin(void* room) noexcept {
    if constexpr (is_findable<Traits>()) {
      self* const o = static_cast<self*>(room);
      o->run.set(nullptr);
      o->pins.begin();
      o->counts.begin();
      return o;
    } else {
      return ::new (room) self(how_it_begins<Args...>);
    }
  }

  /// Constructs all tiers of an object that has begun with the same arguments; of one with a key, the
  /// key is the first of them. False: out of memory for an outside tier, or (`refused`) an init said no;
  /// then everything is undone, the memory given back. Exceptions of constructors pass, likewise.
  template <class... Args>
  [[nodiscard]] static bool construct(self& o, context::level here, bool& refused, Args&&... args) {
    if constexpr (has_key<Traits>) {
      return construct_keyed(o, here, refused, std::forward<Args>(args)...);
    } else {
      return construct_tiers(o, here, refused, std::forward<Args>(args)...);
    }
  }

  /// Constructs an object in memory from the storage; null as construct() is false.
  template <class... Args>
  [[nodiscard]] static self* build(context::level here, bool& refused, Args&&... args) {
    void* const room = self::template memory_of_object<self>::allocate(here);
    if (room == nullptr) return nullptr;
    self* const o = begin<Args...>(room);
    return construct(*o, here, refused, std::forward<Args>(args)...) ? o : nullptr;
  }
};

}  // namespace trefoil::detail
