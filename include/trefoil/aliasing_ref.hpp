// SPDX-License-Identifier: Apache-2.0
/// @file
/// A reference that keeps a tier and points at something within it.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"

namespace trefoil {

/// Points at a `Part` (a member, an element) of what a `ref<T, Tier>` keeps, and keeps it.
///
///     aliasing_ref<vma, mm, mappings> first(user, user->vmas.front());
///
/// Two words. Copy, move and drop are those of its `owner()`; so are contexts and costs.
template <class Part, class T, class Tier = weakest_tier<T>>
class aliasing_ref {
 public:
  using element_type = Part;
  using owner_type = ref<T, Tier>;

  constexpr aliasing_ref() noexcept = default;

  /// Precondition: `part` lives as long as what `owner` keeps. An empty owner gives an empty result.
  aliasing_ref(owner_type owner, Part& part) noexcept
      : owner_(std::move(owner)), part_(owner_ ? &part : nullptr) {}

  /// From one that points at the same in a narrower type.
  template <class Derived>
    requires(std::convertible_to<Derived*, Part*> && !std::same_as<Derived, Part>)
  // NOLINTNEXTLINE(google-explicit-constructor): as pointers do
  aliasing_ref(aliasing_ref<Derived, T, Tier> other) noexcept : part_(other.get()) {
    owner_ = std::move(other).owner();
    if (!owner_) part_ = nullptr;
  }

  aliasing_ref(const aliasing_ref&) noexcept = default;
  aliasing_ref(aliasing_ref&& other) noexcept
      : owner_(std::move(other.owner_)), part_(std::exchange(other.part_, nullptr)) {}
  aliasing_ref& operator=(const aliasing_ref& other) noexcept {
    aliasing_ref(other).swap(*this);
    return *this;
  }
  aliasing_ref& operator=(aliasing_ref&& other) noexcept {
    aliasing_ref(std::move(other)).swap(*this);
    return *this;
  }
  ~aliasing_ref() = default;

  void swap(aliasing_ref& other) noexcept {
    owner_.swap(other.owner_);
    std::swap(part_, other.part_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return part_ != nullptr; }
  [[nodiscard]] Part* operator->() const noexcept { return part_; }
  [[nodiscard]] Part& operator*() const noexcept { return *part_; }
  [[nodiscard]] Part* get() const noexcept { return part_; }

  /// The reference that keeps it; moved out of an rvalue.
  [[nodiscard]] const owner_type& owner() const& noexcept { return owner_; }
  [[nodiscard]] owner_type owner() && noexcept {
    part_ = nullptr;
    return std::move(owner_);
  }

  void drop() noexcept {
    part_ = nullptr;
    owner_.drop();
  }
  template <context::level L>
  void drop(context::token<L> here) noexcept {
    part_ = nullptr;
    owner_.drop(here);
  }

 private:
  owner_type owner_;
  Part* part_ = nullptr;
};

}  // namespace trefoil
