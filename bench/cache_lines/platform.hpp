// SPDX-License-Identifier: Apache-2.0
/// @file
/// The mechanism's platform on simulated CPUs: its atomics and cells tell of each access.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "cpus.hpp"
#include "trefoil/context.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/platform.hpp"

namespace bench::cache_lines {

/// Real values, one thread: what matters is who touched which line. Each touch comes before its value
/// is read, because another CPU may have its turn there.
template <class T>
class atomic {
  using order = std::memory_order;

 public:
  constexpr atomic() noexcept : value_() {}
  constexpr atomic(T first) noexcept : value_(first) {}  // NOLINT(google-explicit-constructor)
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(order) const noexcept {
    cpus::touch(this, access::read);
    return value_;
  }
  void store(T v, order) noexcept {
    cpus::touch(this, access::write);
    value_ = v;
  }
  T exchange(T v, order) noexcept {
    cpus::touch(this, access::update);
    return std::exchange(value_, v);
  }
  T fetch_add(T n, order) noexcept {
    cpus::touch(this, access::update);
    return std::exchange(value_, static_cast<T>(value_ + n));
  }
  T fetch_sub(T n, order) noexcept {
    cpus::touch(this, access::update);
    return std::exchange(value_, static_cast<T>(value_ - n));
  }
  T fetch_or(T n, order) noexcept {
    cpus::touch(this, access::update);
    return std::exchange(value_, static_cast<T>(value_ | n));
  }
  bool compare_exchange_strong(T& expected, T desired, order, order) noexcept {
    cpus::touch(this, access::update);
    if (value_ == expected) {
      value_ = desired;
      return true;
    }
    expected = value_;
    return false;
  }
  bool compare_exchange_weak(T& e, T v, order s, order f) noexcept {
    return compare_exchange_strong(e, v, s, f);
  }

 private:
  T value_;
};

/// Plain data moves with its line as well.
template <class T>
class cell {
 public:
  constexpr cell() noexcept = default;
  constexpr explicit cell(T first) noexcept : value_(first) {}
  [[nodiscard]] T get() const noexcept {
    cpus::touch(this, access::read);
    return value_;
  }
  void set(T v) noexcept {
    cpus::touch(this, access::write);
    value_ = v;
  }

 private:
  T value_{};
};

/// What each CPU has for itself, on lines of its own.
template <class T>
struct alignas(2 * line_bytes) of_one_cpu {
  T value{};
};
template <class T>
inline constinit std::array<of_one_cpu<T>, most_cpus> per_cpu{};

/// See platform.hpp of the mechanism for what each member is.
struct platform {
  template <class T>
  using atomic = cache_lines::atomic<T>;
  template <class T>
  using cell = cache_lines::cell<T>;

  static trefoil::context::state<platform>& state() noexcept {
    return per_cpu<trefoil::context::state<platform>>[cpus::present()].value;
  }
  /// Nothing here may be one.
  static void report(trefoil::misuse kind, const void*) noexcept {
    std::fprintf(stderr, "bench_cache_lines: misuse %d reported\n", static_cast<int>(kind));
    std::abort();
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return ::operator new(bytes, std::align_val_t{align}, std::nothrow);
  }
  static void deallocate(void* p, std::size_t, std::size_t align) noexcept {
    ::operator delete(p, std::align_val_t{align});
  }
  static void relax() noexcept { cpus::call_ends(); }

  static std::size_t lanes() noexcept { return most_cpus; }
  static std::size_t lane() noexcept { return cpus::present(); }

  template <class T>
  static T& local() noexcept {
    return per_cpu<T>[cpus::present()].value;
  }
  /// CPUs do not end.
  static bool at_thread_exit(trefoil::thread_exit_hook&) noexcept { return true; }
};
static_assert(trefoil::platform<platform>);

}  // namespace bench::cache_lines
