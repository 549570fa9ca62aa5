// SPDX-License-Identifier: Apache-2.0
/// @file
/// What it costs to drop the last reference where blocking is forbidden: inline, because every tier
/// can die anywhere, or by punting the teardown to the worker, as one must who has no such tiers.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "operations.hpp"
#include "staged_long.hpp"

namespace bench {

namespace {

namespace context = trefoil::context;
using trefoil::ref;
using trefoil::worker;

/// The same object twice, but for the level that its outermost tier declares.
template <context::level Outer>
using three_busy =
    trefoil::staged<busy_tier<0, Outer>, busy_tier<1, context::any>, busy_tier<2, context::any>>;
using all_any = three_busy<context::any>;
using outer_needs_process = three_busy<context::process>;
static_assert(sizeof(all_any) == sizeof(outer_needs_process));

template <class Object>
class many_objects {
 public:
  explicit many_objects(std::size_t n) : count_(n) {
    for (std::size_t i = 0; i < n; ++i) owners_[i] = trefoil::make<Object>();
  }
  void drop_all() {
    for (std::size_t i = 0; i < count_; ++i) owners_[i].drop();
  }
  void drop_all_at_any() {
    const context::scope here{context::any};
    drop_all();
  }

 private:
  std::size_t count_;
  ref<Object, trefoil::outermost_tier<Object>> owners_[objects];
};

struct drop_at_any {
  many_objects<all_any> doomed;
  explicit drop_at_any(std::size_t n) : doomed(n) {}
  void operator()(std::size_t) { doomed.drop_all_at_any(); }
};

struct drop_at_process {
  many_objects<all_any> doomed;
  explicit drop_at_process(std::size_t n) : doomed(n) {}
  void operator()(std::size_t) { doomed.drop_all(); }
};

/// What a signal handler pays once, however many references it drops.
struct open_scope {
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const context::scope here{context::any};
      benchmark::ClobberMemory();
    }
  }
};

// ---- a worker that is busy -------------------------------------------------------------------------

/// Holds the worker in a teardown until it is let go. It spins: a worker that must be woken first
/// would come too late.
struct plug {
  static constexpr auto teardown = context::process;
  static inline std::atomic<bool> reached = false;
  static inline std::atomic<bool> pulled = false;
  ~plug() {
    reached.store(true, std::memory_order_release);
    while (!pulled.load(std::memory_order_acquire)) trefoil::threads::relax();
  }
};

/// Punting to a worker whose queue is never empty: when the batch begins, a backlog as long as the
/// batch is waiting, and the worker runs it meanwhile. Measured is what the dropper pays, and that
/// includes the cache lines that it and the worker take from each other.
class punt_to_busy_worker {
 public:
  explicit punt_to_busy_worker(std::size_t n) : doomed_(n) {
    many_objects<outer_needs_process> backlog(n);
    plug::reached = false;
    plug::pulled = false;
    auto blocking = trefoil::make<trefoil::staged<plug>>();
    {
      const context::scope here{context::any};
      blocking.drop();
    }
    while (!plug::reached.load(std::memory_order_acquire)) std::this_thread::yield();
    backlog.drop_all_at_any();
  }
  punt_to_busy_worker(const punt_to_busy_worker&) = delete;
  punt_to_busy_worker& operator=(const punt_to_busy_worker&) = delete;
  ~punt_to_busy_worker() { worker::flush(); }

  void operator()(std::size_t) {
    const std::uint64_t before = worker::counters().wakeups;
    plug::pulled.store(true, std::memory_order_release);
    doomed_.drop_all_at_any();
    slept_ = worker::counters().wakeups != before;
  }
  /// The worker never ran dry.
  [[nodiscard]] bool valid() const { return !slept_; }

 private:
  many_objects<outer_needs_process> doomed_;
  bool slept_ = false;
};

// ---- a worker that sleeps --------------------------------------------------------------------------

using clock = std::chrono::steady_clock;

/// The innermost tier, which notes when it dies: on the worker's own clock, so that the time it takes
/// to wake up whoever waits for that is not counted.
struct witness {
  static constexpr auto teardown = context::any;
  static inline clock::time_point died;
  static inline std::atomic<bool> dead = false;
  long value = 1;
  ~witness() {
    pretend_to_release(value);
    died = clock::now();
    dead.store(true, std::memory_order_release);
    dead.notify_one();
  }
};
using witnessed =
    trefoil::staged<busy_tier<0, context::process>, busy_tier<1, context::any>, witness>;

/// From the drop until the object is gone, the worker's wake-up included.
class punt_to_idle_worker {
 public:
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      auto doomed = trefoil::make<witnessed>();
      witness::dead = false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));  // until it has gone to sleep
      const std::uint64_t before = worker::counters().wakeups;
      const clock::time_point dropped = clock::now();
      {
        const context::scope here{context::any};
        doomed.drop();
      }
      witness::dead.wait(false, std::memory_order_acquire);
      took_ += witness::died - dropped;
      if (worker::counters().wakeups == before) was_awake_ = true;
    }
  }
  [[nodiscard]] nanoseconds took() const { return took_; }
  [[nodiscard]] bool valid() const { return !was_awake_; }

 private:
  nanoseconds took_{0};
  bool was_awake_ = false;
};

}  // namespace

void add_last_drops(std::vector<operation>& to) {
  to.push_back(measured<open_scope>("scope", "context::scope, open and close"));
  to.push_back(measured<drop_at_process>("last_drop_process", "last drop, freed inline", objects));
  to.push_back(measured<drop_at_any>("last_drop_any", "the same at level any", objects));
  to.push_back(
      measured<punt_to_busy_worker>("punt_busy_worker", "punted, worker busy: the drop", objects));
  to.push_back(measured<punt_to_idle_worker>("punt_idle_worker",
                                             "punted, worker asleep: until freed", 4,
                                             /*countable=*/false));
}

}  // namespace bench
