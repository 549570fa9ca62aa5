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
/// | a CPU pins tier k lazily (lazy_pin.hpp)          | the node goes to that CPU's inbox; the row that fits then, once none pins it |
#pragma once

#include <cstddef>
#include <type_traits>

#include "trefoil/attributes.hpp"
#include "trefoil/birth.hpp"
#include "trefoil/context.hpp"
#include "trefoil/counting.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/killing.hpp"
#include "trefoil/lazy_slots.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil {

namespace detail {

/// The way in for make(), try_acquire() and slot<>, which are not members (access.hpp).
struct access;

}  // namespace detail

template <class T, class Tier>
class ref;
template <class T>
class static_object;

/// An object that dies in stages. See the head of this file; `Tiers` outermost first, at least one.
template <class Traits, class... Tiers>
class basic_staged : detail::counting<Traits, Tiers...> {
  static_assert(sizeof...(Tiers) >= 1, "trefoil: a staged object has at least one tier");
  static_assert((detail::check_tier<Tiers>::passed && ...));
  static_assert(((detail::count_of<Tiers, Tiers...> == 1) && ...),
                "trefoil: the tiers of a staged object are different classes");
  static_assert(
      staged_traits<Traits>,
      "trefoil: the traits name platform, counts, reclaimer and storage (staged_facts.hpp)");

  using base = detail::counting<Traits, Tiers...>;
  using self = basic_staged;
  using P = typename Traits::platform;
  using R = typename Traits::reclaimer;
  using node = deferred<P>;

  static constexpr std::size_t N = sizeof...(Tiers);
  template <std::size_t K>
  using nth_tier = typename detail::nth<K, Tiers...>::type;

  static constexpr std::size_t lazy_tiers = (std::size_t{detail::pinned_lazily<Tiers>()} + ...);
  static_assert(lazy_tiers <= 1,
                "trefoil: at most one tier of an object is pinned lazily: an outer one keeps those "
                "inside it");
  static_assert(lazy_tiers == 0 || runs_errands<R, P>,
                "trefoil: a tier that is pinned lazily needs a reclaimer that runs errands, as "
                "worker and polled do");

  static_assert(!(detail::is_findable<Traits>() && (detail::counted_per_cpu<Tiers>() || ...)),
                "trefoil: findable objects are not counted per CPU: a finder with a stale pointer "
                "would count in cells that are another object's");

  static_assert(
      detail::is_findable<Traits>() || !detail::has_key<Traits>,
      "trefoil: a key is for findable objects: add 'static constexpr bool findable = true'");

  /// A tier from From inwards that must not be deferred needs more than `here`.
  template <std::size_t From>
  static constexpr bool defers_unwilling(context::level here) noexcept {
    const bool own = detail::marked_no_defer<nth_tier<From>>() &&
                     !context::allows(here, nth_tier<From>::teardown);
    if constexpr (From + 1 == N) {
      return own;
    } else {
      return own || defers_unwilling<From + 1>(here);
    }
  }

 public:
  using traits = Traits;
  static constexpr std::size_t tier_count = N;

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

  /// Some drop, somewhere, could need the reclaimer: false if every teardown is legal at level `any`,
  /// none waits for lazy pins, and no per-CPU count is to be killed.
  static constexpr bool may_defer =
      needed<0>() != context::any || lazy_tiers != 0 || (detail::counted_per_cpu<Tiers>() || ...);

  basic_staged(const basic_staged&) = delete;
  basic_staged& operator=(const basic_staged&) = delete;

 private:
  template <class, class>
  friend class ref;
  template <class>
  friend class static_object;
  template <class>
  friend class detail::birth;
  template <class>
  friend class detail::killing;
  template <class, class...>
  friend class detail::layout;
  template <class, class...>
  friend class detail::counting;
  friend struct detail::access;

  constexpr basic_staged() noexcept = default;
  constexpr explicit basic_staged(detail::beginning how) noexcept : base(how) {}
  ~basic_staged() = default;

  // ---- references --------------------------------------------------------------------------------

  /// Nobody but the caller, who has a reference to tier K, can come near the object any more: it is
  /// his without a count. Not so if a CPU pins it, who may share what it pins; that is
  /// looked at after the counts, whose acquire brings what was pinned under other references.
  template <std::size_t K>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE bool claim() noexcept {
    return this->counts.template is_unique<K>() && !this->pins.was_pinned() &&
           this->counts.template claim<K>();
  }

  template <std::size_t K, class Where>
  TREFOIL_ALWAYS_INLINE void put(Where where) noexcept {
    if (this->template put_here<K>()) put_counted<K>(where);
  }

  /// A reference among the object's counts.
  template <std::size_t K, class Where>
  TREFOIL_ALWAYS_INLINE void put_counted(Where where) noexcept {
    if (claim<K>()) {
      end_of_unique_owner<K>(where);
    } else if (this->counts.template put<K>()) {
      last_dropped<K>(where);
    }
  }

  template <std::size_t K, std::size_t J, class Where>
  TREFOIL_ALWAYS_INLINE void move_reference(Where where) noexcept {
    if constexpr (base::template is_per_cpu<K> || base::template is_per_cpu<J>) {
      this->template get<J>();
      put<K>(where);
    } else if (this->counts.template move<K, J>()) {
      last_dropped<K>(where);
    }
  }

  template <std::size_t K>
  void put_into(basic_deferred_list<P>& list) noexcept {
    if (!this->template put_here<K>()) return;
    if (claim<K>()) {
      this->counts.template close<K>();
    } else if (!this->counts.template put<K>()) {
      return;
    }
    if (is_static()) [[unlikely]]
      return refuse_last<K>();
    if (waits_for_pins<K>()) return;
    this->run.set(&resume<K>);
    list.add(*this);
  }

  // ---- death -------------------------------------------------------------------------------------

  /// A static object's node says so; nobody ever queues it.
  static void never_run(node&) noexcept {}
  void mark_static() noexcept { this->run.set(&never_run); }
  [[nodiscard]] bool is_static() const noexcept { return this->run.get() == &never_run; }

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
  /// everything goes at once, without an atomic read-modify-write; inline if there is nothing to run,
  /// and the node is as construction left it: neither a static object's nor ever queued.
  template <std::size_t K, class Where>
  TREFOIL_ALWAYS_INLINE void end_of_unique_owner(Where where) noexcept {
    constexpr bool may_be_process = std::is_same_v<Where, detail::wherever> ||
                                    std::is_same_v<Where, context::token<context::process>>;
    if constexpr (may_be_process && all_quiet<K>()) {
      if (P::state().at_rest() && this->run.get() == nullptr) [[likely]]
        return sweep<K>();
    }
    unique_owner_tears_down<K>(where);
  }

  template <std::size_t K, class Where>
  [[gnu::noinline]] void unique_owner_tears_down(Where where) noexcept {
    auto& here = P::state();
    if (here.at_rest() && !is_static() && level_at(where, here) == context::process) [[likely]] {
      here.begin_teardown();
      sweep<K>();
      here.end_teardown();
    } else {
      this->counts.template close<K>();
      last_dropped<K>(where);
    }
  }

  /// The unique owner's cascade at level `process`. Each tier is closed before its teardown (a
  /// reference to it must not be had any more), and after it the owner looks whether the teardown
  /// minted a reference to an inner tier; if so, the ordinary cascade goes on.
  template <std::size_t K>
  TREFOIL_ALWAYS_INLINE void sweep() noexcept {
    if constexpr (!is_quiet<K>) this->counts.template close<K>();
    this->template destroy<K>(context::process);
    if constexpr (K + 1 == N) {
      this->free(context::process);
    } else {
      if constexpr (!is_quiet<K>) {
        if (!this->counts.template untouched<K>()) [[unlikely]] {
          return cascade_from<K + 1>(context::process);
        }
      }
      sweep<K + 1>();
    }
  }

  /// Constant for a teardown that is legal everywhere: no code to defer it is generated.
  template <std::size_t K>
  static constexpr bool allowed(context::level here) noexcept {
    return nth_tier<K>::teardown == context::any || context::allows(here, nth_tier<K>::teardown);
  }

  /// The last counted reference to tier K is gone. True: a CPU pins it still, and the teardown waits
  /// for it; the object is not to be touched again.
  template <std::size_t K>
  [[nodiscard]] bool waits_for_pins() noexcept {
    if constexpr (detail::pinned_lazily<nth_tier<K>>()) {
      if (!this->pins.was_pinned()) return false;
      this->run.set(&resume<K>);
      return detail::lazy_slots<basic_staged>::hand_over(*this);
    } else {
      return false;
    }
  }

  /// Tier K is dead and ours: tear it down, here or elsewhere, now or when nothing pins it.
  template <std::size_t K, class Where>
  [[gnu::noinline]] void last_dropped(Where where) noexcept {
    if (is_static()) [[unlikely]]
      return refuse_last<K>();
    if (!waits_for_pins<K>()) tear_down<K>(where);
  }

  /// Tier K is dead, ours, and pinned by nobody.
  template <std::size_t K, class Where>
  TREFOIL_ALWAYS_INLINE void tear_down(Where where) noexcept {
    auto& here = P::state();
    const context::level level = level_at(where, here);
    if (level < here.here()) {
      // A token of less than the thread's level holds for what the teardowns drop in turn, too.
      const context::basic_scope<P> as_claimed(level);
      return tear_down_anywhere<K>();
    }
    if (!allowed<K>(level)) return defer<K>();
    if (here.must_postpone()) {
      this->run.set(&resume<K>);
      here.postpone(*this);
      return;
    }
    here.begin_teardown();
    cascade<K>(level);
    here.end_teardown();
  }
  template <std::size_t K>
  TREFOIL_COLD void tear_down_anywhere() noexcept {
    tear_down<K>(detail::wherever{});
  }

  /// Tears tier K down, and all tiers inside it that nobody else keeps alive.
  template <std::size_t K>
  void cascade(context::level level) noexcept {
    this->template destroy<K>(level);
    if constexpr (K + 1 == N) {
      this->free(level);
    } else {
      cascade_from<K + 1>(level);
    }
  }

  /// The tiers outside K are gone: gives up their collective reference, and goes on if it was the last.
  template <std::size_t K>
  void cascade_from(context::level level) noexcept {
    if (!this->counts.template put_collective<K>(this->pins)) return;
    if (waits_for_pins<K>()) return;
    if (!allowed<K>(level)) return defer<K>();
    cascade<K>(level);
  }

  /// Runs a teardown that was deferred, postponed or handed back. The caller has begun a teardown.
  template <std::size_t K>
  static void resume(node& n) noexcept {
    self& o = static_cast<self&>(n);
    const context::level level = P::state().here();
    if (!allowed<K>(level)) return o.template defer<K>();
    o.template cascade<K>(level);
  }

  /// The level here does not allow tier K's teardown.
  template <std::size_t K>
  TREFOIL_COLD void defer() noexcept {
    if constexpr (detail::marked_no_defer<nth_tier<K>>()) P::report(misuse::no_defer, this);
    if constexpr (nth_tier<K>::teardown == context::any) {
      // never called
    } else if constexpr (R::defers) {
      this->run.set(&resume<K>);
      R::defer(*this);
    } else {
      P::report(misuse::forbidden_level, this);  // and leak: there is nobody to give it to
    }
  }
};

}  // namespace trefoil
