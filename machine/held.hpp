// SPDX-License-Identifier: Apache-2.0
/// @file
/// A holder's slot: a typed reference of which the design, at run time, chose the type.
///
/// The choice costs no type safety: each alternative is a reference that keeps its own tier and sees
/// no other, and whoever looks at one says for every alternative what it can see.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "machine/design.hpp"
#include "machine/platform.hpp"
#include "trefoil/make.hpp"
#include "trefoil/mm/mm.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/slot.hpp"

namespace trefoil::machine {

using identity = mm::identity<platform>;
using page_directory = mm::page_directory<platform>;
using mappings = mm::mappings<platform>;
using address_space = mm::address_space<platform>;

/// Keeps everything: a task's own reference to its address space.
using user_ref = ref<address_space, mappings>;
using lazy_ref = ref<address_space, page_directory>;
using identity_ref = ref<address_space, identity>;

/// Over a platform P: the machine's, or one whose every interleaving is searched (verify/explorer).
template <class P>
class basic_held {
  using identity = mm::identity<P>;
  using page_directory = mm::page_directory<P>;
  using mappings = mm::mappings<P>;
  using user_ref = ref<mm::address_space<P>, mappings>;
  using lazy_ref = ref<mm::address_space<P>, page_directory>;
  using identity_ref = ref<mm::address_space<P>, identity>;

 public:
  basic_held() noexcept = default;
  basic_held(const basic_held&) noexcept = default;
  /// Empty afterwards: what has been moved from holds nothing, and says so.
  basic_held(basic_held&& other) noexcept : slot_(std::exchange(other.slot_, std::monostate{})) {}
  basic_held& operator=(const basic_held& other) noexcept { return *this = basic_held(other); }
  basic_held& operator=(basic_held&& other) noexcept {
    basic_held taken(std::move(other));
    slot_.swap(taken.slot_);  // and the old one goes last: see drop()
    return *this;
  }

  /// What a holder keeps under a design, shared from a user's reference. Empty if it keeps nothing
  /// of its own, or `from` is empty. One relaxed add.
  basic_held(const user_ref& from, kept what) noexcept {
    if (!from) return;
    switch (what) {
      case kept::nothing: return;
      case kept::identity: slot_ = from.template share<identity>(); return;
      case kept::page_directory: slot_ = from.template share<page_directory>(); return;
      case kept::mappings: slot_ = from; return;
    }
  }

  /// The same from a slot that has a user's.
  basic_held(const slot<user_ref>& from, kept what) noexcept {
    switch (what) {
      case kept::nothing: return;
      case kept::identity: *this = basic_held(from.template load<identity>()); return;
      case kept::page_directory: *this = basic_held(from.template load<page_directory>()); return;
      case kept::mappings: *this = basic_held(from.load()); return;
    }
  }

  /// What somebody keeps who keeps the same under every design: a lazy CPU, for one.
  explicit basic_held(lazy_ref lazy) noexcept {
    if (lazy) slot_ = std::move(lazy);
  }
  explicit basic_held(identity_ref bare) noexcept {
    if (bare) slot_ = std::move(bare);
  }
  explicit basic_held(user_ref user) noexcept {
    if (user) slot_ = std::move(user);
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return !std::holds_alternative<std::monostate>(slot_);
  }

  /// A reference to the identity, which every reference keeps; empty if this is. One relaxed add.
  [[nodiscard]] identity_ref share_identity() const noexcept {
    if (const auto* const bare = std::get_if<identity_ref>(&slot_)) return *bare;
    if (const auto* const lazy = std::get_if<lazy_ref>(&slot_))
      return lazy->template share<identity>();
    if (const auto* const user = std::get_if<user_ref>(&slot_))
      return user->template share<identity>();
    return {};
  }

  /// One more user, if there are any left; what it takes to read memory that one does not keep.
  /// (mmget_not_zero)
  [[nodiscard]] user_ref promote() const noexcept {
    if (const auto* const bare = std::get_if<identity_ref>(&slot_))
      return bare->template promote<mappings>();
    if (const auto* const lazy = std::get_if<lazy_ref>(&slot_))
      return lazy->template promote<mappings>();
    if (const auto* const user = std::get_if<user_ref>(&slot_)) return *user;
    return {};
  }

  /// The identity, which every reference keeps; null if this is empty.
  [[nodiscard]] const identity* who() const noexcept {
    return std::visit(
        [](const auto& r) -> const identity* {
          if constexpr (std::is_same_v<decltype(r), const std::monostate&>) {
            return nullptr;
          } else {
            return &r.template at<identity>();
          }
        },
        slot_);
  }

  /// References to the page directory, the collective one of the mappings included; 0 if this keeps
  /// none itself.
  [[nodiscard]] std::uint64_t page_directory_count() const noexcept {
    if (const auto* const lazy = std::get_if<lazy_ref>(&slot_)) return lazy->use_count();
    if (const auto* const user = std::get_if<user_ref>(&slot_)) {
      return user->template use_count<page_directory>();
    }
    return 0;
  }

  /// The holder turns out to be a CPU that has the page directory loaded. Empty if that is gone.
  [[nodiscard]] lazy_ref turn_lazy() noexcept {
    auto what = std::exchange(slot_, std::monostate{});
    if (auto* const lazy = std::get_if<lazy_ref>(&what)) return std::move(*lazy);
    if (auto* const user = std::get_if<user_ref>(&what)) {
      return std::move(*user).template demote<page_directory>();
    }
    if (const auto* const bare = std::get_if<identity_ref>(&what)) {
      return bare->template promote<page_directory>();
    }
    return {};
  }

  /// Empty afterwards. May tear down, as every drop.
  void drop() noexcept {
    // Out of the slot first: a teardown must not find it half-way.
    const auto last = std::exchange(slot_, std::monostate{});
  }

 private:
  std::variant<std::monostate, identity_ref, lazy_ref, user_ref> slot_;
};
using held = basic_held<platform>;

}  // namespace trefoil::machine
