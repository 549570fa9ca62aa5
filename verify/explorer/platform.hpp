// SPDX-License-Identifier: Apache-2.0
/// @file
/// The mechanism's platform under the explorer: its atomics and shared cells report each access, its
/// threads are the explorer's, its memory is watched.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/cpu_cells.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/pool.hpp"
#include "verify/explorer/execution.hpp"

namespace trefoil::explorer {

/// State of a static object is its first value again in every execution.
template <class T>
class remembered {
 public:
  constexpr explicit remembered(T first) noexcept : first_(first) {}

 protected:
  /// True, once per execution.
  bool anew() const noexcept {
    const std::uint64_t now = execution::current()->number();
    // The analyzer loses the initialiser of a member of an aggregate, or of a local static.
    if (seen_in_ == now) return false;  // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    seen_in_ = now;
    return true;
  }
  T first_;

 private:
  mutable std::uint64_t seen_in_ = 0;
};

template <class T>
class atomic : remembered<T> {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  using order = std::memory_order;

 public:
  constexpr atomic() noexcept : atomic(T{}) {}
  constexpr atomic(T first) noexcept  // NOLINT(google-explicit-constructor): as std::atomic
      : remembered<T>(first) {
    if (!std::is_constant_evaluated() && execution::current() != nullptr) birth_ = here().birth();
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(order o) const noexcept { return value(here().load(state(), o)); }
  void store(T v, order o) noexcept { here().store(state(), bits(v), o); }
  T exchange(T v, order o) noexcept {
    return value(here().exchange(
        state(), [&](std::uint64_t) { return bits(v); }, o, "exchange"));
  }
  T fetch_add(T n, order o) noexcept {
    return value(here().exchange(
        state(), [&](std::uint64_t old) { return bits(static_cast<T>(value(old) + n)); }, o,
        "fetch_add"));
  }
  T fetch_sub(T n, order o) noexcept {
    return value(here().exchange(
        state(), [&](std::uint64_t old) { return bits(static_cast<T>(value(old) - n)); }, o,
        "fetch_sub"));
  }
  T fetch_or(T n, order o) noexcept {
    return value(here().exchange(
        state(), [&](std::uint64_t old) { return bits(static_cast<T>(value(old) | n)); }, o,
        "fetch_or"));
  }
  bool compare_exchange_weak(T& e, T v, order s, order f) noexcept { return compare(e, v, s, f); }
  bool compare_exchange_strong(T& e, T v, order s, order f) noexcept { return compare(e, v, s, f); }

  [[nodiscard]] location& state() const noexcept {
    if (this->anew()) state_ = &here().make_location(this, bits(this->first_), birth_);
    return *state_;  // NOLINT(clang-analyzer-core.uninitialized.UndefReturn): likewise
  }
  static std::uint64_t bits(T v) noexcept {
    std::uint64_t b = 0;
    std::memcpy(&b, &v, sizeof v);
    return b;
  }

 private:
  static execution& here() noexcept { return *execution::current(); }
  static T value(std::uint64_t b) noexcept {
    T v;
    std::memcpy(&v, &b, sizeof v);
    return v;
  }
  bool compare(T& e, T v, order s, order f) noexcept {
    std::uint64_t expected = bits(e);
    const bool done = here().compare_exchange(state(), expected, bits(v), s, f);
    if (!done) e = value(expected);
    return done;
  }

  mutable location* state_ = nullptr;
  event birth_;  // in this execution; none: of a static
};

/// A number that orders nothing: in the order of steps as it comes, no step itself.
template <class T>
class statistic : remembered<T> {
  using order = std::memory_order;

 public:
  constexpr statistic(T first) noexcept  // NOLINT(google-explicit-constructor): as std::atomic
      : remembered<T>(first), value_(first) {}

  T load(order) const noexcept { return now(); }
  void store(T value, order) noexcept { now() = value; }
  T exchange(T value, order) noexcept { return std::exchange(now(), value); }
  T fetch_add(T n, order) noexcept { return std::exchange(now(), now() + n); }
  T fetch_sub(T n, order) noexcept { return std::exchange(now(), now() - n); }
  bool compare_exchange_weak(T& expected, T desired, order, order) noexcept {
    if (now() == expected) {
      now() = desired;
      return true;
    }
    expected = now();
    return false;
  }

 private:
  T& now() const noexcept {
    if (this->anew()) value_ = this->first_;
    return value_;
  }
  mutable T value_;
};

template <class T>
class cell : remembered<T> {
 public:
  constexpr cell() noexcept : cell(T{}) {}
  constexpr explicit cell(T first) noexcept : remembered<T>(first), value_(first) {
    if (!std::is_constant_evaluated() && execution::current() != nullptr) {
      birth_ = execution::current()->birth();
    }
  }

  [[nodiscard]] T get() const noexcept {
    refresh();
    execution::current()->read(access_, this);
    return value_;
  }
  void set(T value) noexcept {
    refresh();
    execution::current()->write(access_, this);
    value_ = value;
  }

 private:
  void refresh() const noexcept {
    if (!this->anew()) return;
    value_ = this->first_;
    access_ = {.last_write = birth_, .reads = {}};
  }
  mutable T value_{};
  mutable plain_data access_{};
  event birth_;  // its construction, a write; none: of a static
};

/// Of this execution: one CPU's state is as at the start of the program when it is first asked for.
template <class P>
context::state<P>& state_of_cpu() noexcept {
  struct cpu {
    context::state<P> here;
    std::uint64_t seen_in = 0;
  };
  static std::array<cpu, most_threads> cpus;
  execution& now = *execution::current();
  cpu& mine = cpus[now.cpu()];
  if (mine.seen_in != now.number()) {
    mine.seen_in = now.number();
    std::construct_at(&mine.here);
  }
  return mine.here;
}

/// Restartable sections (os/cpu_sections.hpp), if the program under way has asked for them. A restart is
/// a wait here: for the sections that have begun, which have made their add then. That they might
/// begin anew instead adds nothing, as they would see then what those see that come later. An interrupt in a
/// section does restart it, if it has added to the same cell.
class cpu_sections {
 public:
  [[nodiscard]] static bool on() noexcept { return on_in() == execution::current()->number(); }
  static void turn_on() noexcept { on_in() = execution::current()->number(); }

  template <class P>
  static bool add(const atomic<std::uint64_t>& open, std::uint64_t n) noexcept {
    using cells = detail::cell_set<P>;
    const unsigned cpu = execution::current()->cpu();
    atomic<std::uint32_t>& under_way = begun_[cpu];
    under_way.fetch_add(1, std::memory_order_acq_rel);  // sees what was done before a restart
    bool added = false;
    bool open_now = true;
    while (!added && open_now) {
      const std::uint64_t cells_here = open.load(std::memory_order_acquire);
      open_now = (cells_here & 1) != 0;
      if (!open_now) break;
      auto* const first = reinterpret_cast<typename cells::cell*>(cells_here - 1);
      atomic<std::uint64_t>& mine = cells::cell_of(first, cpu);
      std::uint64_t value = mine.load(std::memory_order_relaxed);
      added = mine.compare_exchange_strong(value, value + n, std::memory_order_relaxed,
                                           std::memory_order_relaxed);
    }
    under_way.fetch_sub(1, std::memory_order_acq_rel);
    return added;
  }

  static void restart() noexcept {
    for (atomic<std::uint32_t>& under_way : begun_) {
      std::uint32_t none = 0;
      while (!under_way.compare_exchange_strong(none, 0, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
        none = 0;
        execution::current()->relax();
      }
    }
  }

 private:
  static std::uint64_t& on_in() noexcept {
    static std::uint64_t execution_number = 0;
    return execution_number;
  }
  static inline constinit std::array<atomic<std::uint32_t>, most_threads> begun_{};
};

/// See platform.hpp of the mechanism for what each member is.
struct platform {
  template <class T>
  using atomic = explorer::atomic<T>;
  template <class T>
  using cell = explorer::cell<T>;
  template <class T>
  using statistic = explorer::statistic<T>;

  /// One for each CPU: an interrupt has that of the thread it interrupts.
  static context::state<platform>& state() noexcept { return state_of_cpu<platform>(); }

  /// A misuse ends the execution as a violation, unless the program says that it expects some.
  static void expect_misuse() noexcept { reports() = {execution::current()->number(), 0}; }
  static unsigned misuses() noexcept { return reports().count; }
  static void report(misuse kind, const void*) noexcept {
    if (reports().expected_in != execution::current()->number()) {
      execution::current()->fail("misuse reported: " + std::to_string(static_cast<int>(kind)));
    }
    ++reports().count;
  }

  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return execution::current()->allocate(bytes, align, /*lasting=*/true);
  }
  static void deallocate(void* p, std::size_t, std::size_t) noexcept {
    execution::current()->release(p);
  }
  static void relax() noexcept { execution::current()->relax(); }

  /// Turns of a lock before it sleeps: one, as each is a step.
  static constexpr unsigned lock_turns = 1;

  /// By atomics two of three threads share a lane; in sections each CPU has its own.
  static std::size_t lanes() noexcept { return 3; }
  static std::size_t lane() noexcept {
    return cpu_sections::on() ? execution::current()->cpu() : execution::current()->running() % 2;
  }
  static bool add_in_section(const atomic<std::uint64_t>& open, std::uint64_t n) noexcept {
    return cpu_sections::on() && cpu_sections::add<platform>(open, n);
  }
  static bool sections_work() noexcept { return cpu_sections::on(); }
  static bool restart_sections() noexcept {
    cpu_sections::restart();
    return true;
  }

  static void wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    execution::current()->wait(word.state(), expected);
  }
  static void wait_for(atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::uint32_t /*milliseconds*/) noexcept {
    execution::current()->wait_in_time(word.state(), expected);
  }
  static void wake_one(atomic<std::uint32_t>& word) noexcept {
    execution::current()->wake(&word, false);
  }
  static void wake_all(atomic<std::uint32_t>& word) noexcept {
    execution::current()->wake(&word, true);
  }
  static bool start_thread(void (*run)()) noexcept {
    execution::current()->spawn(run, /*daemon=*/true);
    return true;
  }

 private:
  struct reported {
    std::uint64_t expected_in = 0;  // the execution
    unsigned count = 0;
  };
  static reported& reports() noexcept {
    static reported of_this_execution;
    return of_this_execution;
  }
};

/// Storage that gives each object memory of its own, so that a touch after the end is seen.
struct watched_storage {
  template <class P, std::size_t Size, std::size_t Align, class Blocks = raw_blocks<P>>
  struct source {
    /// Cells are larger here than elsewhere: a free block may be larger than what comes there.
    static constexpr std::size_t bytes = std::max(Size, sizeof(deferred<P>));
    static constexpr std::size_t align = std::max(Align, alignof(deferred<P>));

    [[nodiscard]] static void* allocate(context::level) noexcept {
      return Blocks::carve(execution::current()->allocate(bytes, align, /*lasting=*/false));
    }
    static void release(void* block, context::level) noexcept {
      P::deallocate(block, bytes, align);
    }
    static std::size_t trim() noexcept { return 0; }
    [[nodiscard]] static std::size_t bytes_reserved() noexcept { return 0; }
  };
};

}  // namespace trefoil::explorer
