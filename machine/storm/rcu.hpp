// SPDX-License-Identifier: Apache-2.0
/// @file
/// RCU for CPUs that are threads: liburcu's grace periods, and callbacks that arrive in softirqs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include <urcu/urcu-memb.h>

#include "machine/platform.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil::machine {

/// What call() takes, in the object that is to be freed or done with.
struct rcu_callback {
  /// Context: softirq of that CPU; the object may be gone afterwards, this with it.
  using work = void (*)(rcu_callback&, unsigned cpu) noexcept;

  deferred<platform> node{};  // on the list of what waits, then on the CPU's: as teardowns are
  work run = nullptr;
  void* about = nullptr;  ///< the caller's own
  void* whose = nullptr;  ///< the same
  unsigned cpu = 0;
};

/// One per machine; outlives its CPUs. Who waits for grace periods is a thread of ours: liburcu's own
/// (call_rcu) ends the process where there is no thread to be had.
class rcu {
 public:
  /// Throws std::system_error without a thread.
  explicit rcu(unsigned cpus);
  /// Waits for all callbacks that were called: each is on its CPU's list then, or has run.
  ~rcu();
  rcu(const rcu&) = delete;
  rcu& operator=(const rcu&) = delete;

  /// The calling thread reads from now on, until this ends. One per CPU's thread.
  class [[nodiscard]] reader {
   public:
    reader() noexcept { urcu_memb_register_thread(); }
    ~reader() { urcu_memb_unregister_thread(); }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
  };

  /// A read-side section on a CPU. Nests. Context: any, on a thread that has a reader.
  class [[nodiscard]] read_lock {
   public:
    read_lock(rcu& all, unsigned cpu) noexcept : ended_(all.cpus_[cpu].sections_ended) {
      urcu_memb_read_lock();
    }
    ~read_lock() {
      // release: pairs with the acquire in run_delivered(). liburcu orders the same by a system call,
      // which a race detector does not see.
      ended_.fetch_add(1, std::memory_order_release);
      urcu_memb_read_unlock();
    }
    read_lock(const read_lock&) = delete;
    read_lock& operator=(const read_lock&) = delete;

   private:
    std::atomic<unsigned>& ended_;
  };

  /// After a grace period, `run` is called in a softirq of that CPU. Context: process.
  void call(unsigned cpu, rcu_callback& c, rcu_callback::work run) noexcept;

  /// Runs the callbacks whose grace periods are over, oldest first. For the softirqs of `cpu`, or of
  /// who stands in for it. Context: any.
  void run_delivered(unsigned of_cpu, unsigned cpu) noexcept;
  [[nodiscard]] bool any_delivered(unsigned cpu) const noexcept { return !cpus_[cpu].ripe.empty(); }

  /// Waits until all that was called before is on its CPU's list. Context: process; not in a
  /// section.
  void barrier() noexcept;

 private:
  struct per_cpu {
    take_all_list<platform> ripe;  // pushed by waiter_, taken by softirqs
    std::atomic<unsigned> sections_ended{0};
  };
  void wait_for_grace_periods() noexcept;
  void rouse() noexcept;

  std::unique_ptr<per_cpu[]> cpus_;
  const unsigned count_;
  take_all_list<platform> waiting_;
  std::atomic<std::uint32_t> rouses_{0};
  std::atomic<std::uint64_t> asked_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<bool> ending_{false};
  std::thread waiter_;  // last: it uses the others
};

}  // namespace trefoil::machine
