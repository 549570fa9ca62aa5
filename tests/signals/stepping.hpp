// SPDX-License-Identifier: Apache-2.0
/// @file
/// Atomics and cells that call back before and after every access: so that a test can let something
/// happen at each of these points, one after the other.
#pragma once

#include <atomic>

namespace stepping {

/// An access with a point before it and one after it.
template <class Points, class F>
auto step(F f) noexcept {
  Points::pass();
  struct after {
    ~after() { Points::pass(); }
  } end;
  return f();
}

template <class Points, class T>
struct atomic : std::atomic<T> {
  using base = std::atomic<T>;
  using base::base;
  using order = std::memory_order;

  T load(order o) const noexcept {
    return step<Points>([&] { return base::load(o); });
  }
  void store(T v, order o) noexcept {
    step<Points>([&] { base::store(v, o); });
  }
  T exchange(T v, order o) noexcept {
    return step<Points>([&] { return base::exchange(v, o); });
  }
  bool compare_exchange_weak(T& e, T v, order s, order f) noexcept {
    return step<Points>([&] { return base::compare_exchange_weak(e, v, s, f); });
  }
  bool compare_exchange_strong(T& e, T v, order s, order f) noexcept {
    return step<Points>([&] { return base::compare_exchange_strong(e, v, s, f); });
  }
  T fetch_add(T n, order o) noexcept {
    return step<Points>([&] { return base::fetch_add(n, o); });
  }
  T fetch_sub(T n, order o) noexcept {
    return step<Points>([&] { return base::fetch_sub(n, o); });
  }
};

template <class Points, class T>
class cell {
 public:
  constexpr cell() noexcept = default;
  constexpr explicit cell(T value) noexcept : value_(value) {}
  [[nodiscard]] T get() const noexcept {
    return step<Points>([&] { return value_; });
  }
  void set(T value) noexcept {
    step<Points>([&] { value_ = value; });
  }

 private:
  T value_;
};

}  // namespace stepping
