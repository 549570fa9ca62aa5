// SPDX-License-Identifier: Apache-2.0
/// @file
/// The calls of Linux by their names, for people who port: each is one operation on a reference, and
/// the type of the reference says what it keeps.
///
/// | here               | is                            | Linux since 2016 | the 2020 series, as sent | as its reply wanted it |
/// | ------------------ | ----------------------------- | ---------------- | ------------------------ | ---------------------- |
/// | mmget              | a copy of a user's reference  | mmget            | mmget                    | mmget                  |
/// | mmput, mmput_async | its drop                      | mmput            | mmput                    | mmput                  |
/// | mmget_not_zero     | `promote<mappings>()`         | mmget_not_zero   | mmget_not_zero           | mmget_not_zero         |
/// | mmget_pgd          | `share<page_directory>()`     | mmgrab           | mmgrab                   | mmget_pgd              |
/// | mmput_pgd          | its drop                      | mmdrop           | mmdrop                   | mmput_pgd              |
/// | mmget_pgd_not_zero | `promote<page_directory>()`   | -                | -                        | -                      |
/// | mmgrab             | `share<identity>()`           | mmgrab           | mm_ref                   | mmgrab                 |
/// | mmdrop             | its drop                      | mmdrop           | mm_unref                 | mmdrop                 |
/// | mm_ref, mm_unref   | mmgrab, mmdrop                | -                | mm_ref, mm_unref         | -                      |
///
/// So mmgrab keeps the least. A caller that needs the page directory and was ported by name alone
/// does not compile: it holds a reference that has none.
///
/// A call that gives up a reference takes it by rvalue: `mmput(std::move(user))`; it is empty then.
/// Context and cost: as the operations have them (ref.hpp). All take references that are not empty,
/// or do nothing.
#pragma once

#include <type_traits>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/mm/address_space.hpp"
#include "trefoil/ref.hpp"

namespace trefoil::mm::kernel_names {

/// Keeps everything.
template <class P>
using user_ref = ref<address_space<P>, mappings<P>>;
/// Keeps page directory and identity.
template <class P>
using pgd_ref = ref<address_space<P>, page_directory<P>>;
/// Keeps the identity.
template <class P>
using bare_ref = ref<address_space<P>, identity<P>>;

/// Any of the three.
template <class R>
concept mm_reference = requires {
  typename R::object_type;
  typename R::tier_type;
} && requires { typename R::object_type::traits::platform::ledger; };

namespace detail {

template <mm_reference R>
using platform_of = typename R::object_type::traits::platform;

template <class Tier, mm_reference R>
[[nodiscard]] auto another(const R& from) noexcept {
  if constexpr (std::is_same_v<Tier, typename R::tier_type>) {
    return from;
  } else {
    return from.template share<Tier>();
  }
}

template <class Tier, mm_reference R>
[[nodiscard]] auto if_alive(const R& from) noexcept {
  return from.template promote<Tier>();
}

}  // namespace detail

// ---- everything: mm_users -------------------------------------------------------------------------

/// One more user.
template <class P, class Mm>
[[nodiscard]] ref<Mm, mappings<P>> mmget(const ref<Mm, mappings<P>>& user) noexcept {
  return user;
}
/// A user goes. The last one tears the mappings down, here, if this is level `process`; else a
/// worker does.
template <class P, class Mm>
void mmput(ref<Mm, mappings<P>>&& user) noexcept {
  auto last = std::move(user);
}
/// The same; the mappings are a worker's in any case. For callers who must not be kept.
template <class P, class Mm>
void mmput_async(ref<Mm, mappings<P>>&& user) noexcept {
  auto last = std::move(user);
  last.drop(context::in_any);
}
/// One more user, if there are any: else empty.
template <mm_reference R>
[[nodiscard]] auto mmget_not_zero(const R& mm) noexcept {
  return detail::if_alive<mappings<detail::platform_of<R>>>(mm);
}

// ---- the page directory: what was mm_count ----------------------------------------------------------

/// Keeps the page directory. From a user's reference or another of these.
template <mm_reference R>
[[nodiscard]] auto mmget_pgd(const R& mm) noexcept {
  return detail::another<page_directory<detail::platform_of<R>>>(mm);
}
/// The last one frees the page directory: here from level `atomic` on, else by a worker.
template <class P, class Mm>
void mmput_pgd(ref<Mm, page_directory<P>>&& mm) noexcept {
  auto last = std::move(mm);
}
/// Keeps the page directory if it is still there: else empty. From one who holds the identity.
template <mm_reference R>
[[nodiscard]] auto mmget_pgd_not_zero(const R& mm) noexcept {
  return detail::if_alive<page_directory<detail::platform_of<R>>>(mm);
}

// ---- the identity -----------------------------------------------------------------------------------

/// Keeps the identity and nothing else. From any reference.
template <mm_reference R>
[[nodiscard]] auto mmgrab(const R& mm) noexcept {
  return detail::another<identity<detail::platform_of<R>>>(mm);
}
/// Legal everywhere, the last one, too.
template <class P, class Mm>
void mmdrop(ref<Mm, identity<P>>&& mm) noexcept {
  auto last = std::move(mm);
}
/// mmgrab, as the series called it.
template <mm_reference R>
[[nodiscard]] auto mm_ref(const R& mm) noexcept {
  return mmgrab(mm);
}
/// mmdrop, as the series called it.
template <class P, class Mm>
void mm_unref(ref<Mm, identity<P>>&& mm) noexcept {
  mmdrop(std::move(mm));
}

}  // namespace trefoil::mm::kernel_names
