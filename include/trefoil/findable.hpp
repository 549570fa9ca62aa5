// SPDX-License-Identifier: Apache-2.0
/// @file
/// Findable objects: found WITHOUT a reference, in a table that keeps plain addresses.
///
///     struct session_traits : trefoil::default_traits {
///       static constexpr bool findable = true;
///       using key = std::uint64_t;
///     };
///     using session = trefoil::basic_staged<session_traits, connection, account>;
///
///     auto s = make<session>(id, ...);     table.insert(id, s.address());
///     auto f = try_acquire<connection>(table.find(id), id);      // empty: gone, or another by now
///
/// What makes that safe:
/// - Memory of findable objects stays what it is (a slot of this type) for the life of the program,
///   or until trim(), which the caller guards by a grace period. So a finder may hold a stale
///   address and still read a count word, never somebody else's data.
/// - The count word is constructed once per slot. It is closed (every tier dead or owned) while an
///   object is built or torn down, and opened by one release when all tiers are constructed.
/// - The unique owner closes all tiers by one compare-exchange, so that no finder slips in between
///   his look and his teardown.
/// - The key lives beside the counts. It changes only while all tiers are closed; a finder reads it
///   after its acquire, and drops what it got if the key is another: the slot was used again.
///
/// Without a key the caller rechecks by other means, such as reading the table's entry once more.
#pragma once

#include <type_traits>

#include "trefoil/access.hpp"
#include "trefoil/context.hpp"
#include "trefoil/make.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil {

/// T's traits say that it is findable.
template <class T>
concept findable = staged_object<T> && detail::is_findable<typename detail::facts<T>::traits>();

/// A reference to a tier of the object at that address, unless the tier is gone. The address comes
/// from ref::address() of a T, whenever that was. Null gives an empty reference.
/// Context: any; lock-free. Order: acquire on success; pairs with the release that opened the object.
template <class Tier, findable T>
  requires tier_of<Tier, T>
[[nodiscard]] ref<T, Tier> try_acquire(T* at) noexcept {
  auto* const o = const_cast<std::remove_const_t<T>*>(at);  // counting is not a change
  const bool got = o != nullptr && detail::access::try_get<std::remove_const_t<T>, Tier>(*o);
  return detail::access::wrap<T, Tier>(got ? o : nullptr);
}

/// The same, and the object has that key.
template <class Tier, findable T>
  requires(tier_of<Tier, T> && detail::has_key<typename detail::facts<T>::traits>)
[[nodiscard]] ref<T, Tier> try_acquire(T* at,
                                       const typename detail::facts<T>::traits::key& key) noexcept {
  ref<T, Tier> found = try_acquire<Tier>(at);
  // Only now may the key be read: it cannot change while we hold a tier.
  if (found && !(detail::access::key(const_cast<std::remove_const_t<T>&>(*at)).get() == key))
    found.drop();
  return found;
}

}  // namespace trefoil
