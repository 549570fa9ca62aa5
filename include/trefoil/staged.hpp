// SPDX-License-Identifier: Apache-2.0
/// @file
/// The staged object: tiers in order, their counts, one deferral node; and the cascade that tears
/// the tiers down, each as soon as nobody holds it and where its level allows.
///
///     using mm = trefoil::staged<mappings, page_directory, identity>;   // outermost first
///
/// Programs do not touch a staged object itself: they hold `ref<mm, Tier>` (ref.hpp) and create
/// objects with `make<mm>(...)` (make.hpp).
///
/// | a drop of the last reference to tier k finds     | then                                          |
/// | ------------------------------------------------ | --------------------------------------------- |
/// | the level here allows k's teardown, no teardown is under way | k is torn down, its collective reference on k+1 given up, and so on inwards |
/// | the level here does not allow it                 | the node goes to the reclaimer                |
/// | a teardown is under way in this scope            | the node goes to the scope's list: it runs after that teardown, before the outermost drop returns |
/// | the object is static                             | refused, reported                             |
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "trefoil/attributes.hpp"
#include "trefoil/construction.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/part.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/tier.hpp"

namespace trefoil {

/// What a staged object chooses, as a class (`default_traits` in os/default_traits.hpp):
///
/// | member                       | meaning                                                        |
/// | ---------------------------- | -------------------------------------------------------------- |
/// | `using platform`             | where it lives (platform.hpp)                                  |
/// | `using counts`               | `default_counts`, `packed_counts<W...>`, `wide_counts`, `padded_counts` |
/// | `using reclaimer`            | who runs deferred teardowns (reclaimer.hpp)                    |
/// | `using storage`              | `pooled`, or a class with the same `source` template           |
/// | `static constexpr bool findable` | optional: found without a reference (findable.hpp)         |
/// | `using key`                  | optional, of findable objects: what a finder looks for         |
template <class Traits>
concept staged_traits =
    platform<typename Traits::platform> &&
    reclaimer<typename Traits::reclaimer, typename Traits::platform> && requires {
      typename Traits::counts;
      typename Traits::storage;
    };

template <class Traits, class... Tiers>
class basic_staged;

namespace detail {

/// The way in for make(), try_acquire() and slot<>, which are not members (access.hpp).
struct access;

template <class Traits>
consteval bool is_findable() {
  if constexpr (requires { Traits::findable; }) {
    return Traits::findable;
  } else {
    return false;
  }
}

template <class Traits>
inline constexpr bool has_key = requires { typename Traits::key; };

/// What a finder compares after it has acquired an object; empty if the object has no key.
template <class Traits>
struct key_cell {};
template <class Traits>
  requires has_key<Traits>
struct key_cell<Traits> {
  typename Traits::platform::template cell<typename Traits::key> value{};
};

/// What outlives every tier. The node comes first: a free block of the pool is its node.
template <class Traits, std::size_t N>
struct header : deferred<typename Traits::platform> {
  typename Traits::counts::template type<typename Traits::platform, N, is_findable<Traits>()> counts;
  [[no_unique_address]] key_cell<Traits> key;
};

/// Facts about a staged type that do not need its tiers to be complete.
template <class T>
struct facts;
template <class Traits, class... Tiers>
struct facts<basic_staged<Traits, Tiers...>> {
  using traits = Traits;
  static constexpr std::size_t size = sizeof...(Tiers);
  template <std::size_t K>
  using tier = typename nth<K, Tiers...>::type;
  template <class Tier>
  static constexpr std::size_t index = index_of<Tier, Tiers...>();
};
template <class T>
struct facts<const T> : facts<T> {};

template <class T>
inline constexpr bool is_staged = false;
template <class Traits, class... Tiers>
inline constexpr bool is_staged<basic_staged<Traits, Tiers...>> = true;

/// The parts, innermost first: what lives longest stands beside the counts.
template <class Indices, class... Tiers>
struct parts;
template <std::size_t... I, class... Tiers>
struct parts<std::index_sequence<I...>, Tiers...>
    : part<sizeof...(Tiers) - 1 - I, typename nth<sizeof...(Tiers) - 1 - I, Tiers...>::type,
           placement_of<typename nth<sizeof...(Tiers) - 1 - I, Tiers...>::type>()>... {};

/// Where a drop happens, if only the thread's state knows.
struct wherever {};

}  // namespace detail

/// A type made by staged<...> or basic_staged<...>, const or not.
template <class T>
concept staged_object = detail::is_staged<std::remove_const_t<T>>;

/// Tier is one of T's tiers.
template <class Tier, class T>
concept tier_of = staged_object<T> && (detail::facts<T>::template index<Tier> < detail::facts<T>::size);

template <class T>
using outermost_tier = typename detail::facts<T>::template tier<0>;
template <class T>
using weakest_tier = typename detail::facts<T>::template tier<detail::facts<T>::size - 1>;

/// A holder of Tier keeps Kept alive: it is the same tier, or one inside it.
template <class Kept, class T, class Tier>
concept kept_alive_by =
    tier_of<Kept, T> && tier_of<Tier, T> &&
    (detail::facts<T>::template index<Kept> >= detail::facts<T>::template index<Tier>);
/// Lower is truly inside Tier: what share and demote lead to.
template <class Lower, class T, class Tier>
concept inside_of = kept_alive_by<Lower, T, Tier> && !std::same_as<Lower, Tier>;
/// Higher is truly outside Tier: what promote leads to.
template <class Higher, class T, class Tier>
concept outside_of = tier_of<Higher, T> && tier_of<Tier, T> && !kept_alive_by<Higher, T, Tier>;

template <class T, class Tier>
class ref;
template <class T>
class static_object;

/// An object that dies in stages. See the head of this file; `Tiers` outermost first, at least one.
template <class Traits, class... Tiers>
class basic_staged : detail::header<Traits, sizeof...(Tiers)>,
                     detail::parts<std::index_sequence_for<Tiers...>, Tiers...> {
  static_assert(sizeof...(Tiers) >= 1, "trefoil: a staged object has at least one tier");
  static_assert((detail::check_tier<Tiers>::passed && ...));
  static_assert(((detail::count_of<Tiers, Tiers...> == 1) && ...),
                "trefoil: the tiers of a staged object are different classes");
  static_assert(staged_traits<Traits>,
                "trefoil: the traits name platform, counts, reclaimer and storage (staged.hpp)");

  using P = typename Traits::platform;
  using R = typename Traits::reclaimer;
  using node = deferred<P>;
  using head = detail::header<Traits, sizeof...(Tiers)>;
  using self = basic_staged;

  static constexpr std::size_t N = sizeof...(Tiers);
  static constexpr bool is_findable = detail::is_findable<Traits>();
  static_assert(is_findable || !detail::has_key<Traits>,
                "trefoil: a key is for findable objects: add 'static constexpr bool findable = true'");

  template <std::size_t K>
  using nth_tier = typename detail::nth<K, Tiers...>::type;
  template <std::size_t K>
  using nth_part = detail::part<K, nth_tier<K>, detail::placement_of<nth_tier<K>>()>;

  /// Findable objects are constructed once per slot, so that a finder with a stale pointer always
  /// reads a count word.
  struct slots {
    static constexpr bool type_stable = true;
    static node* carve(void* at) noexcept { return ::new (at) self; }
    static node* freed(void* at) noexcept { return static_cast<self*>(at); }
  };
  using blocks = std::conditional_t<is_findable, slots, raw_blocks<P>>;

  /// Alias templates: to be named in functions, where the object is complete.
  template <class Self>
  using memory_of_object =
      typename Traits::storage::template source<P, sizeof(Self), alignof(Self), blocks>;
  template <class Block>
  using memory_of_block =
      typename Traits::storage::template source<P, sizeof(Block), alignof(Block), raw_blocks<P>>;

  /// The highest level that the teardowns of tiers From ... N-1 need.
  template <std::size_t From>
  static constexpr context::level needed() noexcept {
    constexpr context::level own = nth_tier<From>::teardown;
    if constexpr (From + 1 == N) {
      return own;
    } else {
      return needed<From + 1>() > own ? needed<From + 1>() : own;
    }
  }

  /// A tier from From inwards that must not be deferred needs more than `here`.
  template <std::size_t From>
  static constexpr bool defers_unwilling(context::level here) noexcept {
    const bool own = detail::marked_no_defer<nth_tier<From>>() && !context::allows(here, nth_tier<From>::teardown);
    if constexpr (From + 1 == N) {
      return own;
    } else {
      return own || defers_unwilling<From + 1>(here);
    }
  }

 public:
  using traits = Traits;
  static constexpr std::size_t tier_count = N;
  /// Some drop, somewhere, could have to defer: false if every teardown is legal at level `any`.
  static constexpr bool may_defer = needed<0>() != context::any;

  basic_staged(const basic_staged&) = delete;
  basic_staged& operator=(const basic_staged&) = delete;

 private:
  template <class, class>
  friend class ref;
  template <class>
  friend class static_object;
  friend struct detail::access;

  constexpr basic_staged() noexcept = default;
  ~basic_staged() = default;

  // ---- parts -------------------------------------------------------------------------------------

  template <std::size_t K>
  [[nodiscard]] nth_tier<K>* tier() noexcept {
    return static_cast<nth_part<K>&>(*this).tier();
  }

  /// The object around a tier.
  template <std::size_t K>
  [[nodiscard]] static self* around(nth_tier<K>& t) noexcept {
    if constexpr (detail::placement_of<nth_tier<K>>() == placement::outside) {
      return static_cast<self*>(nth_part<K>::owner_of(&t));
    } else {
      return static_cast<self*>(nth_part<K>::around(&t));
    }
  }

  // ---- birth -------------------------------------------------------------------------------------

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

  /// Constructs all tiers, innermost first, in memory from the storage. Null: out of memory (`*why`
  /// is left alone) or a tier's init refused. Exceptions of constructors pass through.
  template <class... Args>
  [[nodiscard]] static self* build(context::level here, bool& refused, Args&&... args) {
    using memory = memory_of_object<self>;
    void* const room = memory::allocate(here);
    if (room == nullptr) return nullptr;
    self* const o = is_findable ? static_cast<self*>(room) : ::new (room) self;
    o->head::run.set(nullptr);
    if constexpr (detail::has_key<Traits>) {
      return o->construct_keyed(here, refused, std::forward<Args>(args)...) ? o : nullptr;
    } else {
      return o->construct(here, refused, std::forward<Args>(args)...) ? o : nullptr;
    }
  }

  /// The key changes only here, while every tier is closed to finders.
  template <class Key, class... Args>
  [[nodiscard]] bool construct_keyed(context::level here, bool& refused, const Key& key, Args&&... args) {
    this->key.value.set(typename Traits::key(key));
    return construct(here, refused, std::forward<Args>(args)...);
  }

  template <class... Args>
  [[nodiscard]] bool construct(context::level here, bool& refused, Args&&... args) {
    static_assert((is_for_some_tier<Args>() && ...),
                  "trefoil: with<Tier>(...) names a class that is not a tier of this object");
    unwinding unwind(this);
    this->counts.begin();
    if (!construct_from<N - 1>(here, refused, unwind, std::forward<Args>(args)...)) return false;
    unwind.object = nullptr;
    this->counts.finish();
    return true;
  }

  template <class Arg>
  static consteval bool is_for_some_tier() {
    return detail::is_plain<Arg> || (detail::is_for<Tiers, Arg>() || ...);
  }

  template <std::size_t K, class... Args>
  [[nodiscard]] bool construct_from(context::level here, bool& refused, unwinding& unwind, Args&&... args) {
    if (!construct_tier<K>(here, refused, unwind, std::forward<Args>(args)...)) return false;
    if constexpr (K == 0) {
      return true;
    } else {
      return construct_from<K - 1>(here, refused, unwind, std::forward<Args>(args)...);
    }
  }

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

  template <std::size_t K, class... Args>
  [[nodiscard]] bool construct_tier(context::level here, bool& refused, unwinding& unwind, Args&&... args) {
    using Tier = nth_tier<K>;
    void* at = nullptr;
    if constexpr (detail::placement_of<Tier>() == placement::outside) {
      at = static_cast<nth_part<K>&>(*this).template room<memory_of_block<typename nth_part<K>::block>>(this, here);
      if (at == nullptr) return false;
    } else {
      at = static_cast<nth_part<K>&>(*this).template room<void>(this, here);
    }
    const auto inner = [this]<class Inner>() -> Inner& {
      return *this->template tier<detail::index_of<Inner, Tiers...>()>();
    };
    room_guard<K> room(this, here);
    const auto put_there = [&](auto&&... own) {
      detail::construct_tier<Tier>(at, inner_list<K>(std::make_index_sequence<N - 1 - K>{}), inner,
                                   std::forward<decltype(own)>(own)...);
    };
    if constexpr (K == N - 1 && (detail::is_plain<Args> || ...)) {
      static_assert((!detail::is_for<Tier, Args>() && ...),
                    "trefoil: plain arguments go to the innermost tier, which has with<Tier>(...) already");
      detail::pick_plain(put_there, std::forward<Args>(args)...);
    } else {
      detail::pick_arguments<Tier>(put_there, std::forward<Args>(args)...);
    }
    room.object = nullptr;
    if (!detail::initialise(*this->template tier<K>())) {
      this->template destroy<K>(here);
      refused = true;
      return false;
    }
    this->counts.template constructed<K>();
    unwind.undo = &abandon<K>;
    return true;
  }

  template <std::size_t K, std::size_t... I>
  static constexpr auto inner_list(std::index_sequence<I...>) noexcept {
    return detail::inner_tiers<nth_tier<K + 1 + I>...>{};
  }

  /// Construction stopped after tier K: its maker gives up the ownership of it.
  template <std::size_t K>
  static void abandon(self* o) noexcept {
    if (o->counts.template put_collective<K>()) o->template last_dropped<K>(detail::wherever{});
  }

  // ---- references --------------------------------------------------------------------------------

  template <std::size_t K>
  TREFOIL_NONBLOCKING void get() noexcept {
    this->counts.template get<K>();
  }

  template <std::size_t K, class Where>
  TREFOIL_ALWAYS_INLINE void put(Where where) noexcept {
    if (this->counts.template unique_owner<K>()) {
      end_of_unique_owner<K>(where);
    } else if (this->counts.template put<K>()) {
      last_dropped<K>(where);
    }
  }

  template <std::size_t K, std::size_t J, class Where>
  TREFOIL_ALWAYS_INLINE void move_reference(Where where) noexcept {
    if (this->counts.template move<K, J>()) last_dropped<K>(where);
  }

  template <std::size_t K>
  void put_into(basic_deferred_list<P>& list) noexcept {
    if (this->counts.template unique_owner<K>()) {
      this->counts.template close<K>();
    } else if (!this->counts.template put<K>()) {
      return;
    }
    if (is_static()) [[unlikely]] return refuse_last<K>();
    this->head::run.set(&resume<K>);
    list.add(*this);
  }

  // ---- death -------------------------------------------------------------------------------------

  /// A static object's node says so; nobody ever queues it.
  static void never_run(node&) noexcept {}
  void mark_static() noexcept { this->head::run.set(&never_run); }
  [[nodiscard]] bool is_static() const noexcept { return this->head::run.get() == &never_run; }

  template <std::size_t K>
  TREFOIL_COLD void refuse_last() noexcept {
    this->counts.template revive<K>();
    P::report(misuse::static_last_drop, this);
  }

  template <class Where>
  static context::level level_at(Where, const context::state<P>& here) noexcept {
    if constexpr (std::is_same_v<Where, detail::wherever>) {
      return here.here();
    } else {
      if (Where::value > here.here()) [[unlikely]] {
        P::report(misuse::level_exceeded, &here);
        return here.here();
      }
      return Where::value;
    }
  }

  /// A destructor that does nothing mints nothing: around it the counts need no care.
  template <std::size_t K>
  static constexpr bool is_quiet = std::is_trivially_destructible_v<nth_tier<K>>;
  template <std::size_t K>
  static constexpr bool all_quiet() noexcept {
    if constexpr (K == N) {
      return true;
    } else {
      return is_quiet<K> && all_quiet<K + 1>();
    }
  }

  /// Nobody else has a reference. In the commonest place (level `process`, no teardown under way)
  /// everything goes at once, without an atomic read-modify-write.
  template <std::size_t K, class Where>
  [[gnu::noinline]] void end_of_unique_owner(Where where) noexcept {
    constexpr bool may_be_process = std::is_same_v<Where, detail::wherever> ||
                                    std::is_same_v<Where, context::token<context::process>>;
    if constexpr (may_be_process) {
      auto& here = P::state();
      if (here.at_rest() && !is_static()) [[likely]] {
        if constexpr (all_quiet<K>()) {
          sweep<K>();
        } else {
          here.begin_teardown();
          sweep<K>();
          here.end_teardown();
        }
        return;
      }
    }
    this->counts.template close<K>();
    last_dropped<K>(where);
  }

  /// The unique owner's cascade at level `process`. Each tier is closed before its teardown (a
  /// reference to it must not be had any more), and after it the owner looks whether the teardown
  /// minted a reference to an inner tier; if so, the ordinary cascade goes on.
  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE void sweep() noexcept {
    if constexpr (!is_quiet<K>) this->counts.template close<K>();
    destroy<K>(context::process);
    if constexpr (K + 1 == N) {
      free(context::process);
    } else {
      if constexpr (!is_quiet<K>) {
        if (!this->counts.template untouched<K>()) [[unlikely]] {
          return cascade_from<K + 1>(context::process);
        }
      }
      sweep<K + 1>();
    }
  }

  /// Tier K is dead and ours: tear it down, here or elsewhere.
  template <std::size_t K, class Where>
  [[gnu::noinline]] void last_dropped(Where where) noexcept {
    if (is_static()) [[unlikely]] return refuse_last<K>();
    auto& here = P::state();
    const context::level level = level_at(where, here);
    if (!context::allows(level, nth_tier<K>::teardown)) return defer<K>();
    if (here.must_postpone()) {
      this->head::run.set(&resume<K>);
      here.postpone(*this);
      return;
    }
    here.begin_teardown();
    cascade<K>(level);
    here.end_teardown();
  }

  /// Tears tier K down, and all tiers inside it that nobody else keeps alive.
  template <std::size_t K>
  void cascade(context::level level) noexcept {
    destroy<K>(level);
    if constexpr (K + 1 == N) {
      free(level);
    } else {
      cascade_from<K + 1>(level);
    }
  }

  /// The tiers outside K are gone: gives up their collective reference, and goes on if it was the last.
  template <std::size_t K>
  void cascade_from(context::level level) noexcept {
    if (!this->counts.template put_collective<K>()) return;
    if (!context::allows(level, nth_tier<K>::teardown)) return defer<K>();
    cascade<K>(level);
  }

  /// Runs a teardown that was deferred, postponed or handed back. The caller has begun a teardown.
  template <std::size_t K>
  static void resume(node& n) noexcept {
    self& o = static_cast<self&>(n);
    const context::level level = P::state().here();
    if (!context::allows(level, nth_tier<K>::teardown)) return o.template defer<K>();
    o.template cascade<K>(level);
  }

  /// The level here does not allow tier K's teardown.
  template <std::size_t K>
  TREFOIL_COLD void defer() noexcept {
    if constexpr (detail::marked_no_defer<nth_tier<K>>()) P::report(misuse::no_defer, this);
    if constexpr (R::defers) {
      this->head::run.set(&resume<K>);
      R::defer(*this);
    } else {
      P::report(misuse::forbidden_level, this);  // and leak: there is nobody to give it to
    }
  }

  template <std::size_t K>
  void give_back_tier(context::level here) noexcept {
    if constexpr (detail::placement_of<nth_tier<K>>() == placement::outside) {
      static_cast<nth_part<K>&>(*this).template give_back<memory_of_block<typename nth_part<K>::block>>(here);
    }
  }

  template <std::size_t K>
  void destroy(context::level here) noexcept {
    using Tier = nth_tier<K>;
    tier<K>()->~Tier();
    give_back_tier<K>(here);
  }

  void free(context::level here) noexcept {
    using memory = memory_of_object<self>;
    memory::release(this, here);
  }
};

}  // namespace trefoil
