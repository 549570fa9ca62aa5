// SPDX-License-Identifier: Apache-2.0
/// @file
/// Tiers that are counted per CPU, and the end of that.
///
///     struct in_use {                                        // what requests hold while they run
///       static constexpr auto teardown = trefoil::context::process;
///       static constexpr bool per_cpu_count = true;          // the tier says so
///       ...
///     };
///     using queue = trefoil::staged<in_use, settings>;
///
///     auto request = trefoil::promote_live<in_use>(bare);    // no locked operation, nothing contended
///     ...                                                    // dropped on any CPU
///     trefoil::kill(owner, &nobody_new);                     // called when no more can enter
///     owner.drop();                                          // the last reference tears down, as ever
///
/// The life of such a tier (percpu_ref's):
///
/// | phase     | copies and drops cost               | it dies                                  | promote_live |
/// | --------- | ----------------------------------- | ---------------------------------------- | ------------ |
/// | per CPU   | an add to the CPU's own cell        | never: nobody can see the sum become zero | succeeds    |
/// | killed    | the same, or a read-modify-write    | not before it is confirmed               | may fail     |
/// | confirmed | a read-modify-write, as other tiers | with its last reference                  | fails        |
///
/// So a tier that is never killed is never torn down. All calls of `ref` work as for other tiers; a
/// demote is two operations, and a unique owner pays for his drop as everybody does.
///
/// With Linux's restartable sequences (glibc 2.35 and later, x86-64) an add needs no locked operation;
/// elsewhere each thread has a lane, and adds atomically to a cell that it shares with few. A cell takes
/// 8 bytes per CPU. Not for findable objects.
#pragma once

#include <concepts>
#include <type_traits>

#include "trefoil/access.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil {

/// Tier is one of T's, and declares `per_cpu_count`.
template <class Tier, class T>
concept per_cpu_tier_of = tier_of<Tier, T> && detail::counted_per_cpu<Tier>();

/// Ends the per-CPU counting of a tier. `confirmed`, if there is one, is called once when it is over:
/// from then on promote_live() fails for everybody, and the last drop will tear the tier down; holders may
/// be at work still. The tier is alive in that call, its level is the caller's, or the reclaimer's.
///
/// By a holder of the tier, or of one outside it, whose reference stays. True for one call; to later ones,
/// and before make() has returned, it says false and does nothing. Context: any; lock-free where cells are
/// atomics. By restartable sequences it takes a membarrier(2), some 10 us: at level `process` here, elsewhere
/// in the reclaimer, by a node of its own; so that has to come to level `process` some time (inline-only
/// objects: refused and reported). Order: what holders did before they dropped happens before the teardown,
/// as ever. (percpu_ref_kill_and_confirm)
template <class Tier, class T, class Held>
  requires(per_cpu_tier_of<Tier, T> && kept_alive_by<Tier, T, Held> && !std::is_const_v<T>)
bool kill(const ref<T, Held>& held,
          std::type_identity_t<void (*)(Tier&) noexcept> confirmed = nullptr) noexcept {
  return held != nullptr && detail::access::kill<T, Tier>(*held.address(), confirmed);
}
/// The same, of the tier that is held.
template <class T, class Tier>
  requires(per_cpu_tier_of<Tier, T> && !std::is_const_v<T>)
bool kill(const ref<T, Tier>& held,
          std::type_identity_t<void (*)(Tier&) noexcept> confirmed = nullptr) noexcept {
  return kill<Tier, T, Tier>(held, confirmed);
}

/// A reference to a tier, by the holder of any of the object's tiers, unless it has been killed: then
/// empty. Until the kill is confirmed it may succeed still. Context: any; lock-free; tears down nothing.
/// Order: acquire on success. (percpu_ref_tryget_live)
template <class Tier, class T, class Held>
  requires per_cpu_tier_of<Tier, T>
[[nodiscard]] ref<T, Tier> promote_live(const ref<T, Held>& held) noexcept {
  using object = std::remove_const_t<T>;
  auto* const o = const_cast<object*>(held.address());
  const bool got = o != nullptr && detail::access::try_get_live<object, Tier>(*o);
  return detail::access::wrap<T, Tier>(got ? o : nullptr);
}

/// make() has returned it, and nobody has killed the tier so far; stale as soon as it is read. Context: any. Cost: a load.
template <class Tier, class T, class Held>
  requires per_cpu_tier_of<Tier, T>
[[nodiscard]] bool is_live(const ref<T, Held>& held) noexcept {
  using object = std::remove_const_t<T>;
  return held != nullptr &&
         detail::access::live<object, Tier>(*const_cast<object*>(held.address()));
}

}  // namespace trefoil
