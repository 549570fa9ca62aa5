// SPDX-License-Identifier: Apache-2.0
/// @file
/// Layer 3: a machine, as the `step` driver runs it: one thread, virtual CPUs, a virtual clock, and
/// what happens in an order that the caller gives.
///
/// Each call is something that a kernel does on a CPU. References are dropped in the place where
/// the kernel drops them, so the mechanism decides what is torn down there and what a worker gets.
///
///     place.hpp    where code runs, and the level there, by flavour of kernel
///     holder.hpp design.hpp    who holds, and what under which design
///     platform.hpp cpu.hpp     CPUs, as the mechanism sees them
///     held.hpp task.hpp        slots of typed references
///     ledger.hpp histogram.hpp what the teardowns count
///     access.hpp   may somebody look at a task?
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "machine/cpu.hpp"
#include "machine/design.hpp"
#include "machine/held.hpp"
#include "machine/histogram.hpp"
#include "machine/ledger.hpp"
#include "machine/place.hpp"
#include "machine/task.hpp"
#include "trefoil/mm/mm.hpp"

namespace trefoil::machine {

/// How long teardowns wait for those who run them.
struct worker_delays {
  std::int64_t work_ns = 0;       ///< a kworker
  std::int64_t rcu_ns = work_ns;  ///< an RCU callback, where the scheduler's tail needs one

  worker_delays(std::int64_t both_ns) noexcept  // NOLINT(google-explicit-constructor)
      : work_ns(both_ns) {}
  worker_delays(std::int64_t work, std::int64_t rcu) noexcept : work_ns(work), rcu_ns(rcu) {}
};

/// For one thread at a time. It outlives every task and reference that it was asked to make.
class host {
 public:
  /// `frames` outlives the machine; machines on one thread may share it.
  host(const design& lifetimes, flavour kernel, mm::frame_allocator<platform>& frames,
       worker_delays delays);
  ~host();
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  // ---- time --------------------------------------------------------------------------------------

  /// The clock goes on to `now_ns`; workers run, at their times, what is due. Not backwards.
  void advance(std::int64_t now_ns);

  /// What happens from here on has no time and counts nowhere, until resume(): to put away what is
  /// left of a world that is not looked at any more.
  void pause();
  /// The clock jumps.
  void resume(std::int64_t now_ns);

  // ---- what tasks do -----------------------------------------------------------------------------

  /// A new address space, of the one shape (shape.hpp), with one user. (mm_alloc, dup_mm)
  /// Throws std::bad_alloc.
  [[nodiscard]] user_ref create(unsigned cpu, std::uint64_t number);

  /// A child is born with that address space, which may be its parent's. (copy_mm)
  void fork(const task& parent, task& child, user_ref space);

  /// One more user. (mmget)
  [[nodiscard]] user_ref share(const user_ref& space);

  /// The task turns out to have that address space: how it got it was not seen. Returns what it had.
  [[nodiscard]] user_ref adopt(task& who, user_ref space);

  /// The task has a new program; returns the reference to the old address space, which the caller
  /// puts. (exec_mmap)
  [[nodiscard]] user_ref exec(task& who, user_ref space);

  /// In the kernel's order: what is left for access checks is published, then mm is cleared, and the
  /// CPU keeps the page directory, lazily. The task's reference goes to `leaving`, for mmput().
  void exit_mm(unsigned cpu, task& who);

  /// A user lets go: the last one takes the mappings along. (mmput; mmput_async from where that may
  /// not run)
  void mmput(unsigned cpu, user_ref space, place where = place::task);

  /// The same from a place that left it to a worker, which runs now. (mmput_async_fn)
  void mmput_async(unsigned cpu, user_ref space);

  /// The last reference to a task is gone. (delayed_put_task_struct and what follows)
  void free_task(unsigned cpu, task& who, place where = place::rcu_callback);

  // ---- what other holders do ---------------------------------------------------------------------

  /// What a holder of that kind keeps of it here.
  [[nodiscard]] held hold(holder whose, const user_ref& space);
  /// It lets go, at the level of the place, or what its code assumes (assumed_by) if that is less.
  void drop(unsigned cpu, held& slot, holder whose, place where);

  // ---- what CPUs do: the four transitions --------------------------------------------------------

  /// | from    | to      | in Linux                                              | call               |
  /// | ------- | ------- | ----------------------------------------------------- | ------------------ |
  /// | user    | kernel  | mmgrab_lazy_tlb of the task's mm                      | borrow()           |
  /// | kernel  | kernel  | active_mm is handed on                                | -                  |
  /// | kernel  | user    | mmdrop_lazy_tlb, in finish_task_switch                | give_back()        |
  /// | user    | user    | -                                                     | -                  |
  ///
  /// Precondition of borrow(): the CPU has nothing borrowed.
  void borrow(unsigned cpu, const user_ref& from);
  void give_back(unsigned cpu, place where = place::scheduler_tail);
  /// A holder turns out to be this CPU. Precondition: the CPU has nothing borrowed.
  void turn_lazy(unsigned cpu, held& slot);
  [[nodiscard]] const lazy_ref& borrowed(unsigned cpu) { return at(cpu).lazy; }

  // ---- what can be seen --------------------------------------------------------------------------

  [[nodiscard]] const design& lifetimes() const noexcept { return design_; }
  [[nodiscard]] const machine::ledger& figures() const noexcept { return ledger_; }
  /// From a deferred drop to its teardown.
  [[nodiscard]] const histogram& deferred_wait_ns() const noexcept { return wait_ns_; }
  /// Real time of drops in places below task that tore something down. (Not reproducible.)
  [[nodiscard]] const histogram& atomic_teardown_ns() const noexcept { return atomic_ns_; }
  /// Atomic read-modify-writes on the counts of address spaces, exec states and user namespaces, by
  /// the calls above. (A caller's own copies of references are not among them.)
  [[nodiscard]] std::uint64_t count_operations() const noexcept { return count_operations_; }
  /// Page directories alive, from the list that they are on.
  [[nodiscard]] std::size_t listed() const noexcept { return kernel_.page_directories(); }

 private:
  /// Something that a worker will run.
  struct work {
    std::int64_t due_ns;
    std::int64_t since_ns;
    deferred<platform>* node;
    unsigned cpu;
    holder whose;
    bool again;  // a worker has tried, in a place that would not do
  };

  template <class F>
  void counted(F&& f);
  template <class F>
  void run(unsigned cpu, place where, holder whose, F&& f,
           context::level at_most = context::process, bool again = false);
  void collect(unsigned cpu, holder whose, bool again);
  [[nodiscard]] bool left_to_rcu(holder whose, bool again) const noexcept;
  std::deque<work>* next_due();
  exec_ref new_exec_state();
  void run_due(std::int64_t until_ns);
  void run_work(const work& w);
  void run_node(const work& w);
  machine::cpu& at(unsigned cpu);

  const design& design_;
  const flavour flavour_;
  const worker_delays delays_;
  machine::ledger ledger_;
  mm::kernel<platform> kernel_;
  ref<mm::user_namespace<platform>> root_namespace_;
  std::vector<std::unique_ptr<machine::cpu>> cpus_;
  std::deque<work> works_;      // by due time: the delay is the same for all
  std::deque<work> callbacks_;  // of RCU; by due time, too
  histogram wait_ns_;
  histogram atomic_ns_;
  std::uint64_t count_operations_ = 0;
  bool paused_ = false;
};

}  // namespace trefoil::machine
