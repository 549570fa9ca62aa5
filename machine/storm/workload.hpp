// SPDX-License-Identifier: Apache-2.0
/// @file
/// What processes do on the `storm` machine: they fork, clone, exec, map, look at each other, keep
/// each other's address spaces in every way that Linux knows, are killed, and exit.
///
///     life.cpp      births, program changes
///     memory.cpp    what programs map, write and read
///     holders.cpp   files, fences, events: who keeps what, and lets go where
///     exits.cpp     exit, in the kernel's order; the OOM killer and its reaper
///     attacker.cpp  who asks to look at exiting programs
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "machine/storm/files.hpp"
#include "machine/storm/machine.hpp"
#include "machine/storm/pid_table.hpp"
#include "machine/storm/task_struct.hpp"
#include "machine/tally.hpp"

namespace trefoil::machine {

struct workload_size {
  std::uint64_t processes = 1000;
  std::uint64_t attempts = 100'000;  ///< of the attacker, at least
  std::uint64_t seed = 1;

  /// Of every five processes one is killed for want of memory; of few, more of them.
  [[nodiscard]] std::uint64_t oom_kills() const noexcept {
    return std::min<std::uint64_t>(processes, std::max<std::uint64_t>(50, processes / 5));
  }
};

/// What processes have done so far.
struct workload_figures {
  tally processes;  ///< begun
  tally tasks;
  tally execs;
  tally namespaces;  ///< user namespaces that containers began with
  tally oom_kills;
  tally reaped;
  tally pages_reaped;
  tally forks_refused;   ///< no memory, or the parent was reaped
  tally births_refused;  ///< no memory even for one without contents
  tally memory_refused;  ///< calls: a hole, no memory
  tally pages_written;
  tally pages_read;
  tally pages_corrupted;  ///< read something that nobody wrote there: a bug
  tally files_opened;
  tally reads_of_others;
  tally reads_too_late;
  tally maps_read;      ///< /proc/PID/maps
  tally layout_faults;  ///< mappings that overlap, or not in order: a bug
  tally fences;
  tally events;
  tally kthread_uses;
  tally notified;         ///< changes that subscribers were told of
  tally notifier_faults;  ///< promises to them that were broken: a bug
  tally attempts;
  tally allowed;
  tally denied;
  tally denied_after_exit;
  tally failed_open;
  tally descriptors_stolen;  ///< of those, how many while the files were still open
};

class workload {
 public:
  workload(storm_machine& machine, const workload_size& size);
  workload(const workload&) = delete;
  workload& operator=(const workload&) = delete;

  /// A task's next moment. Empty afterwards if it was the last. (storm_machine::task_step)
  void step(unsigned cpu, task_ref& task);
  /// Some attempts of the attacker.
  void attack(unsigned cpu);

  /// The first process, which begins others. Before the machine runs.
  void begin();
  /// Nothing more will happen: all processes there should be have been, and are freed, and the
  /// attacker has tried often enough.
  [[nodiscard]] bool over() const noexcept;
  /// No more processes; those that live go on to their ends.
  void no_more() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  /// 0 to 1.
  [[nodiscard]] double done() const noexcept;
  /// Closes the files that were on their way between processes. After over(), on CPU 0.
  void close_in_flight(unsigned cpu);

  [[nodiscard]] const workload_figures& so_far() const noexcept { return figures_; }
  /// Not freed.
  [[nodiscard]] std::int64_t tasks_alive() const noexcept { return alive_; }

 private:
  // attacker.cpp
  [[nodiscard]] bool ahead() const noexcept;
  [[nodiscard]] const task_contents* somebody(chance& random) const noexcept;

  // life.cpp
  [[nodiscard]] bool enough() const noexcept;
  void act(unsigned cpu, task_contents& me);
  bool claim_process() noexcept;
  void spawn_fresh(unsigned cpu, chance& random);
  void start(ref<process> group, const task_contents* parent, user_ref space, chance& random);
  ref<process> new_process();
  void fork(unsigned cpu, task_contents& me);
  void clone_thread(task_contents& me);
  void clone_vm(task_contents& me);
  void exec(unsigned cpu, task_contents& me);

  // memory.cpp
  void use_memory(mappings& space, chance& random);
  void call_memory(mappings& space, chance& random);
  void write_to(mappings& space, std::uint64_t address, mm::force how);
  void look_at(mappings& space, std::uint64_t address, mm::force how);
  void look_somewhere(mappings& space, chance& random);
  void check_contents(std::uint64_t address, std::uint64_t value) noexcept;
  static std::uint64_t some_page(chance& random) noexcept;

  // holders.cpp
  void open_proc(unsigned cpu, task_contents& me);
  void open_own(task_contents& me);
  void use_file(unsigned cpu, task_contents& me);
  void close_one(unsigned cpu, task_contents& me);
  void pass_file(task_contents& me);
  void close(unsigned cpu, file& f);
  template <class F>
  void as_user(unsigned cpu, const held& kept, F&& f);
  void use_mirror(unsigned cpu, file& f);
  void read_from(unsigned cpu, const held& kept, chance& random);
  void read_maps(unsigned cpu, const held& kept);
  void give_to_device(unsigned cpu, task_contents& me);
  void register_event(unsigned cpu, task_contents& me);
  void work_for(unsigned cpu, const held& kept, chance random);

  // exits.cpp
  void exit_files(unsigned cpu, task_contents& me);
  void release(unsigned cpu, task_ref& me);
  void free_task(unsigned cpu, task_ref task) noexcept;
  bool oom_kill_is_due() const noexcept;
  void out_of_memory(unsigned cpu, task_contents& me);
  void process_mrelease(unsigned cpu, task_contents& me);
  void reap(identity& victim);

  storm_machine& machine_;
  const workload_size size_;
  pid_table pids_;
  files in_flight_;  // passed on, and not yet received: they outlive who opened them
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> born_{0};
  std::atomic<std::uint64_t> numbers_{0};  // of address spaces
  tally alive_;
  workload_figures figures_;
  chance attacker_;
};

}  // namespace trefoil::machine
