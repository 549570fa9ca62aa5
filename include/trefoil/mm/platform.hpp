// SPDX-License-Identifier: Apache-2.0
/// @file
/// What this layer asks of its platform P, beyond what the mechanism asks (trefoil/platform.hpp):
///
/// | member                 | what it is                                                             |
/// | ---------------------- | ---------------------------------------------------------------------- |
/// | `traits`               | traits of address spaces (staged.hpp): counts, reclaimer, storage; VMAs come from the same storage |
/// | `namespace_traits`     | those of user namespaces, files and other objects that stand beside    |
/// | `ledger`               | told of births and teardowns by the tiers themselves, so that figures are counted where things happen |
/// | `ledger::account`      | what the ledger notes with each address space; value-initialised       |
/// | `ledger::mappings_born(account&)`, `mappings_gone`, the same for `page_directory` and `identity` | called at the end of each construction and teardown; noexcept, any level |
/// | `ledger::user_namespace_born()`, `user_namespace_gone`, the same for `exec_state` | the same of what stands beside address spaces |
///
/// and, where the platform has them,
///
/// | member                 | what it is                                                             |
/// | ---------------------- | ---------------------------------------------------------------------- |
/// | `wait(word, expected)`, `wake_all(word)` | those of the mechanism: waiters for mmap_lock sleep; else they spin |
/// | `turns_before_sleep`   | an int: how often they look again before they do; else 100             |
/// | `lock_acquire(lock_class, const void*)`, `lock_release(...)` | told of every lock (lock_class.hpp); noexcept |
#pragma once

#include <concepts>
#include <type_traits>

#include "trefoil/platform.hpp"
#include "trefoil/staged_facts.hpp"

namespace trefoil::mm {

/// The traits are those of staged objects, on this very platform.
template <class Traits, class P>
concept traits_on = staged_traits<Traits> && std::same_as<typename Traits::platform, P>;

template <class Ledger>
concept has_account = std::default_initializable<typename Ledger::account>;

template <class Ledger>
concept notes_births = requires(Ledger& l, typename Ledger::account& a) {
  { l.mappings_born(a) } noexcept;
  { l.page_directory_born(a) } noexcept;
  { l.identity_born(a) } noexcept;
  { l.user_namespace_born() } noexcept;
  { l.exec_state_born() } noexcept;
};
template <class Ledger>
concept notes_ends = requires(Ledger& l, typename Ledger::account& a) {
  { l.mappings_gone(a) } noexcept;
  { l.page_directory_gone(a) } noexcept;
  { l.identity_gone(a) } noexcept;
  { l.user_namespace_gone() } noexcept;
  { l.exec_state_gone() } noexcept;
};

/// All of the first table. A kernel says in words what is missing.
template <class P>
concept mm_platform =
    platform<P> &&
    requires {
      typename P::traits;
      typename P::namespace_traits;
      typename P::ledger;
    } && traits_on<typename P::traits, P> && traits_on<typename P::namespace_traits, P> &&
    has_account<typename P::ledger> && notes_births<typename P::ledger> &&
    notes_ends<typename P::ledger>;

namespace detail {

/// Says in words what a platform lacks. Instantiated with every kernel.
template <class P>
struct check_platform {
  static_assert(platform<P>, "trefoil: the platform lacks what trefoil/platform.hpp asks for");
  static_assert(
      requires {
        typename P::traits;
        typename P::namespace_traits;
      }, "trefoil: the platform of an address space names 'traits' and 'namespace_traits'");
  static_assert(traits_on<typename P::traits, P>,
                "trefoil: 'traits' are those of staged objects, and name the platform itself");
  static_assert(traits_on<typename P::namespace_traits, P>,
                "trefoil: 'namespace_traits' are those of staged objects, and name the platform "
                "itself");
  static_assert(
      requires { typename P::ledger; },
      "trefoil: the platform of an address space names a 'ledger'");
  static_assert(has_account<typename P::ledger>,
                "trefoil: the ledger has an 'account' for each address space, value-initialised");
  static_assert(notes_births<typename P::ledger>,
                "trefoil: the ledger takes mappings_born, page_directory_born, identity_born, "
                "user_namespace_born and exec_state_born, noexcept");
  static_assert(notes_ends<typename P::ledger>,
                "trefoil: the ledger takes mappings_gone, page_directory_gone, identity_gone, "
                "user_namespace_gone and exec_state_gone, noexcept");
  static constexpr bool passed = mm_platform<P>;
};

}  // namespace detail

}  // namespace trefoil::mm
