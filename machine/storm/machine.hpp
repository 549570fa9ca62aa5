// SPDX-License-Identifier: Apache-2.0
/// @file
/// The `storm` driver: CPUs are threads, hard interrupts real signals at random instants, RCU is
/// liburcu's with its callbacks in softirqs. What tasks and CPUs do is the same code as in `step`
/// (host.hpp); only who makes them do it differs.
///
///     chance.hpp thread_for.hpp rcu.hpp interrupts.hpp    the ground
///     task_struct.hpp pid_table.hpp files.hpp    tasks and processes
///     device.hpp secondary_mmu.hpp         hardware: what is told of, and what lets go in interrupts
///     machine.hpp                          CPUs: switches, softirqs, workers, hotplug
///     workload.hpp                         what processes do
///     storm.hpp                            all of it, with figures
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "machine/host.hpp"
#include "machine/storm/chance.hpp"
#include "machine/storm/device.hpp"
#include "machine/storm/interrupts.hpp"
#include "machine/storm/rcu.hpp"
#include "machine/storm/task_struct.hpp"

namespace trefoil::machine {

/// A kernel with its CPUs. The last CPU is set apart: no task runs there, but what start() is given.
class storm_machine : public host {
 public:
  /// Runs a task on a CPU for a moment; empty afterwards if it is gone for good.
  using task_step = std::function<void(unsigned cpu, task_ref&)>;
  using kernel_work = std::function<void(unsigned cpu)>;

  /// `cpus`: at least 1, and one more that is set apart.
  storm_machine(const design& lifetimes, mm::frame_allocator<platform>& frames, unsigned cpus,
                std::uint64_t seed);
  /// Precondition: stopped, if it was started.
  ~storm_machine() override;

  /// CPUs come up, all together. `apart` is what the CPU that is set apart does, again and again.
  /// Throws std::system_error without threads for all of them; none runs then.
  void start(task_step step, kernel_work apart);
  /// CPUs go down, once what is deferred, queued or called back has run. Precondition: every task is
  /// on its way to be freed.
  void stop();

  // ---- called on CPUs, in tasks ------------------------------------------------------------------

  /// The task may run, on any CPU.
  void schedule(task_ref task);
  /// A kernel thread does it, on any CPU: it has no mm of its own.
  void queue_work(kernel_work work);
  /// Hardware is done with what it was given at some later interrupt on that CPU; if it is busy, at
  /// once.
  void submit(unsigned cpu, fence_ref f) noexcept;

  /// A read-side section.
  [[nodiscard]] rcu::read_lock read_lock(unsigned cpu) noexcept { return {rcu_, cpu}; }
  /// See rcu::call.
  void call_rcu(unsigned cpu, rcu_callback& c, rcu_callback::work callback) noexcept {
    rcu_.call(cpu, c, callback);
  }

  /// The CPU that is set apart.
  [[nodiscard]] unsigned apart() const noexcept {
    return static_cast<unsigned>(per_cpu_.size() - 1);
  }

  // ---- figures -----------------------------------------------------------------------------------

  [[nodiscard]] std::int64_t interrupts_taken() const noexcept { return interrupts_taken_; }
  [[nodiscard]] std::int64_t switches() const noexcept { return switches_; }
  [[nodiscard]] std::int64_t cpus_offlined() const noexcept { return offlined_; }

 private:
  enum class power : std::uint8_t { on, asked_to_die, dead };
  /// Where CPUs wait until all of them are there; never: they will not be.
  enum class gate : std::uint8_t { shut, open, never };

  /// What a CPU has beyond machine::cpu. Its own thread's, but for `state`.
  struct storm_cpu {
    storm_machine* machine = nullptr;
    unsigned number = 0;
    chance random{0};
    task_ref current;  // empty: a kernel thread runs
    machine::device device;
    // Its own handlers look at it, too, hence atomic; relaxed: one thread.
    std::atomic<bool> in_softirq{false};
    // Handed over by release and acquire: what a dead CPU has left is the control CPU's.
    std::atomic<power> state{power::on};
    std::thread thread;
  };

  void hand_over(unsigned, holder, bool) override {}  // the CPU's own kworker looks for itself

  void start(storm_cpu& c);
  void open(gate to) noexcept;
  void join();
  void finish(unsigned cpu, const fence_ref& done);

  static void interrupted(void* whose) noexcept;
  void hard_interrupt(storm_cpu& c) noexcept;
  void softirqs(storm_cpu& c) noexcept;

  void run_cpu(storm_cpu& c);
  void run_apart(storm_cpu& c);
  bool run_something(storm_cpu& c);
  void run_deferred_on(unsigned of_cpu, unsigned cpu);
  [[nodiscard]] bool run_queued(storm_cpu& c);
  void switch_to(storm_cpu& c, task_ref next);
  [[nodiscard]] task_ref next_task();
  void load_init_mm(storm_cpu& c);

  void die_if_asked(storm_cpu& c);
  void take_one_down(storm_cpu& control);

  task_step step_;
  kernel_work apart_;
  const std::uint64_t seed_;
  rcu rcu_;
  std::vector<std::unique_ptr<storm_cpu>> per_cpu_;
  std::unique_ptr<interrupts> interrupts_;
  std::mutex mutex_;
  std::deque<task_ref> runnable_;   // guarded by mutex_
  std::deque<kernel_work> queued_;  // guarded by mutex_
  std::atomic<gate> gate_{gate::shut};
  std::atomic<bool> stopping_{false};
  tally interrupts_taken_;
  tally switches_;
  tally offlined_;
};

}  // namespace trefoil::machine
