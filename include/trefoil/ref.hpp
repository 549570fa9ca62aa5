// SPDX-License-Identifier: Apache-2.0
/// @file
/// A reference to one tier of a staged object. The tier is the type.
///
///     ref<mm, mappings>        user;   // keeps everything              (mmget / mmput)
///     ref<mm, page_directory>  lazy;   // keeps pgd and identity        (mmget_pgd / mmput_pgd)
///     ref<mm>                  bare;   // keeps the innermost tier only (mmgrab / mmdrop)
///
/// | call                    | atomic operations          | leaves the source | may tear down           |
/// | ----------------------- | -------------------------- | ----------------- | ----------------------- |
/// | copy                    | 1 add                      | as it was         | no                      |
/// | move, swap              | 0                          | empty (move)      | no                      |
/// | `share<Lower>()`        | 1 add                      | as it was         | no                      |
/// | `promote<Higher>()`     | 1 compare-exchange         | as it was         | no; empty result if gone |
/// | `demote<Lower>()`       | 1 add (packed counts)      | empty             | the tiers outside Lower |
/// | `drop()`, destruction   | 1 load + 1 add; the unique owner: 1 load | empty | its tier and those inside |
///
/// A reference is empty or keeps its tier; there is no third state. Copying an empty one gives an
/// empty one. All calls may be made in any context: what must not run there is deferred.
///
/// Thread safety: as a pointer's. One `ref` is not to be written by two threads at once (use
/// `slot`); different `ref`s to one object may be used by different threads freely.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/tier.hpp"

#if __STDC_HOSTED__
#include <functional>
#endif

namespace trefoil {

template <class R, context::level L>
inline constexpr bool droppable_in = false;

/// Whether dropping a reference of type R at level L never defers: every teardown that it can cause
/// is allowed there. `droppable_in<ref<mm, identity>, context::any>`. A compile-time constant.
template <class T, class Tier, context::level L>
inline constexpr bool droppable_in<ref<T, Tier>, L> = context::allows(
    L, std::remove_const_t<T>::template needed<detail::facts<T>::template index<Tier>>());

/// Without a tier: the WEAKEST reference, to the innermost tier. Who needs more says so.
/// T is a staged type, or a const one for constant access to the tiers.
template <class T, class Tier = weakest_tier<T>>
class ref {
  static_assert(staged_object<T>, "trefoil: ref<T, Tier> refers to a staged<...> type");
  static_assert(tier_of<Tier, T>, "trefoil: ref<T, Tier>: Tier is not one of T's tiers");

  using object = std::remove_const_t<T>;
  using facts = detail::facts<object>;
  static constexpr std::size_t K = facts::template index<Tier>;
  template <class Other>
  static constexpr std::size_t index = facts::template index<Other>;
  using P = typename facts::traits::platform;

  template <class Part>
  using access_to = std::conditional_t<std::is_const_v<T>, const Part, Part>;

 public:
  using object_type = T;
  using tier_type = Tier;

  /// Empty. Cost: none.
  constexpr ref() noexcept = default;
  constexpr ref(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor): as pointers do

  /// One more reference to the same tier. Context: any. Order: relaxed.
  ref(const ref& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->template get<K>();
  }
  ref(ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}

  /// A constant view of what a reference keeps.
  template <class U>
    requires(std::is_const_v<T> && std::same_as<U, object>)
  ref(const ref<U, Tier>& other) noexcept  // NOLINT(google-explicit-constructor)
      : ref(ref<T, Tier>(other.object_, share_tag{})) {}
  template <class U>
    requires(std::is_const_v<T> && std::same_as<U, object>)
  ref(ref<U, Tier>&& other) noexcept  // NOLINT(google-explicit-constructor)
      : object_(std::exchange(other.object_, nullptr)) {}

  /// Takes the new reference before it drops the old one, so that self-assignment, and assignment
  /// from something the old one keeps alive, are safe.
  ref& operator=(const ref& other) noexcept {  // NOLINT(bugprone-unhandled-self-assignment)
    ref(other).swap(*this);
    return *this;
  }
  ref& operator=(ref&& other) noexcept {
    ref(std::move(other)).swap(*this);
    return *this;
  }
  ref& operator=(std::nullptr_t) noexcept {
    drop();
    return *this;
  }

  TREFOIL_ALWAYS_INLINE ~ref() {
    if (object_ != nullptr) object_->template put<K>(detail::wherever{});
  }

  void swap(ref& other) noexcept { std::swap(object_, other.object_); }
  friend void swap(ref& a, ref& b) noexcept { a.swap(b); }

  /// Whether this keeps anything.
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

  // ---- what is kept ------------------------------------------------------------------------------

  /// The tier. Precondition: not empty.
  [[nodiscard]] access_to<Tier>* operator->() const noexcept { return object_->template tier<K>(); }
  [[nodiscard]] access_to<Tier>& operator*() const noexcept { return *object_->template tier<K>(); }
  [[nodiscard]] access_to<Tier>* get() const noexcept {
    return object_ == nullptr ? nullptr : object_->template tier<K>();
  }

  /// The same tier or one inside it. Precondition: not empty. A tier that this reference does not
  /// keep alive cannot be named: promote first.
  template <class Kept>
    requires kept_alive_by<Kept, T, Tier>
  [[nodiscard]] access_to<Kept>& at() const noexcept {
    return *object_->template tier<index<Kept>>();
  }

  // ---- other references --------------------------------------------------------------------------

  /// A reference to a tier inside; this one stays. Context: any. One relaxed add.
  template <class Lower>
    requires inside_of<Lower, T, Tier>
  [[nodiscard]] ref<T, Lower> share() const noexcept {
    if (object_ != nullptr) object_->template get<index<Lower>>();
    return ref<T, Lower>(object_);
  }

  /// A reference to a tier outside, unless that is gone: then empty. This one stays.
  /// Context: any; lock-free. Order: acquire on success. (mmget_not_zero)
  template <class Higher>
    requires outside_of<Higher, T, Tier>
  [[nodiscard]] ref<T, Higher> promote() const noexcept {
    const bool got = object_ != nullptr && object_->template try_get<index<Higher>>();
    return ref<T, Higher>(got ? object_ : nullptr);
  }

  /// This reference becomes one to a tier inside. With packed counts one atomic operation: at no
  /// instant is there neither. May tear down the tiers between, as a drop does.
  template <class Lower>
    requires inside_of<Lower, T, Tier>
  [[nodiscard]] ref<T, Lower> demote() && noexcept {
    return std::move(*this).template demote_at<Lower>(detail::wherever{});
  }
  /// The same, by a caller who knows the level.
  template <class Lower, context::level L>
    requires inside_of<Lower, T, Tier>
  [[nodiscard]] ref<T, Lower> demote(context::token<L> here) && noexcept {
    check_token<L>();
    return std::move(*this).template demote_at<Lower>(here);
  }

  // ---- the end -----------------------------------------------------------------------------------

  /// Gives the reference back now; empty afterwards. Context: any.
  void drop() noexcept { drop_at(detail::wherever{}); }

  /// The same, by a caller who knows the level: a token of less than the thread's level is
  /// honoured, of more is a misuse. Does not compile where a teardown that this drop may cause
  /// could neither run at that level nor be deferred (inline-only objects, tiers marked no_defer).
  template <context::level L>
  void drop(context::token<L> here) noexcept {
    check_token<L>();
    drop_at(here);
  }

  /// Gives the reference back; a teardown that this causes is added to the list, for the caller to
  /// run after its locks. Context: any. Never runs a teardown.
  void drop_into(basic_deferred_list<P>& later) noexcept {
    object* const o = std::exchange(object_, nullptr);
    if (o != nullptr) o->template put_into<K>(later);
  }

  /// Hands the reference to C code as a pointer; adopt() takes it back. What is detached and never
  /// adopted is never dropped.
  [[nodiscard]] void* detach() && noexcept { return std::exchange(object_, nullptr); }
  /// Precondition: from detach() of a reference of this very type, or null; once.
  [[nodiscard]] static ref adopt(void* detached) noexcept {
    return ref(static_cast<object*>(detached));
  }

  // ---- identity ----------------------------------------------------------------------------------

  /// An opaque address: the same for all references to one object. For tables and logs; the
  /// address of a findable object is what try_acquire() takes.
  [[nodiscard]] T* address() const noexcept { return object_; }

  /// References that Counted has now, the collective one of the tier outside it included; stale as
  /// soon as it is read. For diagnosis. Context: any. One relaxed load; of a tier counted per CPU, one for
  /// each CPU.
  template <class Counted = Tier>
    requires tier_of<Counted, T>
  [[nodiscard]] std::uint64_t use_count() const noexcept {
    return object_ == nullptr ? 0 : object_->template holders<index<Counted>>();
  }

  /// Whether the count of a tier has been pinned by a misuse: the object is kept for ever.
  template <class Counted = Tier>
    requires tier_of<Counted, T>
  [[nodiscard]] bool saturated() const noexcept {
    return object_ != nullptr && object_->template saturated<index<Counted>>();
  }

  [[nodiscard]] friend bool operator==(const ref& a, std::nullptr_t) noexcept {
    return a.object_ == nullptr;
  }

 private:
  template <class, class>
  friend class ref;
  friend struct detail::access;

  struct share_tag {};
  explicit ref(object* owned) noexcept : object_(owned) {}
  ref(object* other, share_tag) noexcept : object_(other) {
    if (object_ != nullptr) object_->template get<K>();
  }

  template <context::level L>
  static constexpr void check_token() noexcept {
    static_assert(
        facts::traits::reclaimer::defers || droppable_in<ref, L>,
        "trefoil: an inline-only object is dropped at a level that does not allow its teardowns");
    static_assert(!object::template defers_unwilling<K>(L),
                  "trefoil: a tier marked no_defer would have to be deferred at this level");
  }

  template <class Where>
  void drop_at(Where where) noexcept {
    object* const o = std::exchange(object_, nullptr);
    if (o != nullptr) o->template put<K>(where);
  }

  template <class Lower, class Where>
  ref<T, Lower> demote_at(Where where) && noexcept {
    object* const o = std::exchange(object_, nullptr);
    if (o != nullptr) o->template move_reference<K, index<Lower>>(where);
    return ref<T, Lower>(o);
  }

  object* object_ = nullptr;
};

/// References to one object are equal whatever their tiers: identity is the object's.
template <class T, class A, class U, class B>
  requires std::same_as<std::remove_const_t<T>, std::remove_const_t<U>>
[[nodiscard]] bool operator==(const ref<T, A>& a, const ref<U, B>& b) noexcept {
  return a.address() == b.address();
}
template <class T, class A, class U, class B>
  requires std::same_as<std::remove_const_t<T>, std::remove_const_t<U>>
[[nodiscard]] std::strong_ordering operator<=>(const ref<T, A>& a, const ref<U, B>& b) noexcept {
  return std::compare_three_way{}(static_cast<const void*>(a.address()),
                                  static_cast<const void*>(b.address()));
}

}  // namespace trefoil

#if __STDC_HOSTED__
/// By identity: equal for all references to one object, whatever their tiers.
template <class T, class Tier>
struct std::hash<trefoil::ref<T, Tier>> {
  [[nodiscard]] std::size_t operator()(const trefoil::ref<T, Tier>& r) const noexcept {
    return std::hash<const void*>{}(r.address());
  }
};
#endif
