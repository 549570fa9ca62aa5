// SPDX-License-Identifier: Apache-2.0
/// @file
/// The mechanism's platform on a machine: whoever runs is a CPU, an object with a level of its own,
/// not a thread. A driver says which CPU its thread is: one thread after the other (`step`), or each
/// thread its own for good.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "machine/holder.hpp"
#include "machine/ledger.hpp"
#include "machine/lock_checker.hpp"
#include "machine/place.hpp"
#include "trefoil/context.hpp"
#include "trefoil/os/threads.hpp"
#include "trefoil/packed_counts.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil::machine {

struct platform;

/// What a CPU is to the mechanism, and what teardowns on it want to know of their cause.
/// Its own code alone touches it, and interrupts that arrive on it.
struct processor {
  context::state<platform>* level = nullptr;
  take_all_list<platform>* deferred = nullptr;  // teardowns on their way to a worker
  take_all_list<platform>* errands = nullptr;   // of all CPUs; a worker runs them now and then
  machine::ledger* ledger = nullptr;
  lock_checker* checker = nullptr;  // of the machine, if it has one
  held_locks locks{};
  place where = place::task;
  holder dropping = holder::user;  // whose reference is being given back
};

namespace detail {
/// The CPU that this thread is now.
inline constinit thread_local processor* running = nullptr;
/// Atomic read-modify-writes on counts by this thread, ever.
inline constinit thread_local std::uint64_t count_operations = 0;
}  // namespace detail

/// A count that counts the operations on it: what a design costs a CPU, whatever its clock.
template <class T>
struct counted_atomic : std::atomic<T> {
  using base = std::atomic<T>;
  using base::base;

  T exchange(T v, std::memory_order o) noexcept { return tick(), base::exchange(v, o); }
  T fetch_add(T n, std::memory_order o) noexcept { return tick(), base::fetch_add(n, o); }
  T fetch_sub(T n, std::memory_order o) noexcept { return tick(), base::fetch_sub(n, o); }
  bool compare_exchange_weak(T& e, T v, std::memory_order s, std::memory_order f) noexcept {
    return tick(), base::compare_exchange_weak(e, v, s, f);
  }
  bool compare_exchange_strong(T& e, T v, std::memory_order s, std::memory_order f) noexcept {
    return tick(), base::compare_exchange_strong(e, v, s, f);
  }

 private:
  static void tick() noexcept { ++detail::count_operations; }
};

/// Hands teardowns to the workers of the machine on which they were deferred.
/// `Counted`: whether they are the deferrals that the ledger is about.
template <bool Counted>
struct workers;

struct platform : threads {
  using ledger = machine::ledger;

  /// A thread that is no CPU (one that sets a machine up, or takes it down) is like any other.
  static context::state<platform>& state() noexcept {
    if (detail::running == nullptr) return trefoil::detail::per_thread<context::state<platform>>;
    return *detail::running->level;
  }

  // What mm's locks tell (trefoil/mm/lock_class.hpp). Threads that are no CPUs are not checked.
  static void lock_acquire(mm::lock_class c, const void*) noexcept {
    processor* const here = detail::running;
    if (here != nullptr && here->checker != nullptr)
      here->checker->acquire(here->locks, here->where, c);
  }
  static void lock_release(mm::lock_class c, const void*) noexcept {
    processor* const here = detail::running;
    if (here != nullptr && here->checker != nullptr) lock_checker::release(here->locks, c);
  }

  /// Counts on counted atomics, all else as ever.
  struct counting;
  struct counts {
    template <class P, std::size_t N, bool Findable>
    using type = packed_counts<>::type<counting, N, Findable>;
  };

  struct traits {
    using platform = machine::platform;
    using counts = platform::counts;
    using reclaimer = workers<true>;
    using storage = pooled;
  };
  struct namespace_traits : traits {
    using reclaimer = workers<false>;
  };
};

struct platform::counting : platform {
  template <class T>
  using atomic = counted_atomic<T>;
};

namespace detail {
/// What the workers of all machines have taken and begun.
inline constinit reclaimer_tally<platform> worker_tally{};
}  // namespace detail

template <bool Counted>
struct workers {
  static constexpr bool defers = true;

  /// Precondition: this thread is a CPU.
  static void defer(deferred<platform>& n) noexcept {
    detail::worker_tally.deferred_one();
    processor& here = *detail::running;
    if constexpr (Counted) here.ledger->deferred(here.dropping, here.where);
    here.deferred->push(n);
  }
  /// Precondition, likewise. An errand that is sent again waits for the next time, too.
  static void send(errand<platform>& e) noexcept { detail::running->errands->push(e); }
  static void send_later(errand<platform>& e) noexcept { send(e); }

  [[nodiscard]] static bool admit() noexcept { return true; }
  /// Of all machines, whatever was deferred.
  [[nodiscard]] static reclaimer_counters counters() noexcept {
    return detail::worker_tally.read();
  }
};

namespace detail {

/// Which CPU this thread is, and where; outlives the scope in runs_on.
class presence {
 public:
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

 protected:
  presence(processor& cpu, place where) noexcept
      : before_(std::exchange(running, &cpu)), cpu_(cpu), place_(std::exchange(cpu.where, where)) {}
  ~presence() {
    cpu_.where = place_;
    running = before_;
  }

 private:
  processor* const before_;
  processor& cpu_;
  const place place_;
};

}  // namespace detail

/// This thread is that CPU, in that place, while this lives; then again what it was before.
class [[nodiscard]] runs_on : detail::presence {
 public:
  /// `at_most`: what code assumes that does not know where it was called.
  runs_on(processor& cpu, flavour kernel, place where,
          context::level at_most = context::process) noexcept
      : presence(cpu, where), level_(std::min(level_of(kernel, where), at_most)) {}

 private:
  context::basic_scope<platform> level_;
};

}  // namespace trefoil::machine
