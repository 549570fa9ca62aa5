// SPDX-License-Identifier: Apache-2.0
/// @file
/// A list that gives up any of its members in a few steps.
#pragma once

namespace trefoil {

/// Members have `before` and `after`, cells of T::cell<T*>; each is in one such list at most. For one
/// thread at a time. Constant-initialised, for static members.
template <class T>
class two_way_list {
 public:
  constexpr two_way_list() noexcept = default;
  two_way_list(const two_way_list&) = delete;
  two_way_list& operator=(const two_way_list&) = delete;

  /// The one that was added last; null: the list is empty.
  [[nodiscard]] T* first() const noexcept { return first_.get(); }

  void add(T& member) noexcept {
    T* const next = first_.get();
    member.before.set(nullptr);
    member.after.set(next);
    if (next != nullptr) next->before.set(&member);
    first_.set(&member);
  }
  void remove(T& member) noexcept {
    T* const before = member.before.get();
    T* const after = member.after.get();
    if (before != nullptr) {
      before->after.set(after);
    } else {
      first_.set(after);
    }
    if (after != nullptr) after->before.set(before);
  }
  /// The members are left as they are.
  void clear() noexcept { first_.set(nullptr); }

 private:
  typename T::template cell<T*> first_{nullptr};
};

}  // namespace trefoil
