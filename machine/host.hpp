// SPDX-License-Identifier: Apache-2.0
/// @file
/// Layer 3: a machine. What tasks, CPUs and other holders do with address spaces, in the kernel's
/// order; a driver makes them do it.
///
/// Each call is something that a kernel does on a CPU. References are dropped in the place where
/// the kernel drops them, so the mechanism decides what is torn down there and what a worker gets.
///
///     place.hpp    where code runs, and the level there, by flavour of kernel
///     holder.hpp design.hpp    who holds, and what under which design
///     platform.hpp cpu.hpp     CPUs, as the mechanism sees them
///     held.hpp held_slot.hpp task.hpp    typed references, and slots of them
///     lazy_tlb.hpp    what a CPU has borrowed
///     ledger.hpp peak_by_holder.hpp histogram.hpp    what the teardowns count
///     lock_checker.hpp         who may take which lock
///     access.hpp   may somebody look at a task?
///
/// Two drivers, over this same code:
///
///     step.hpp     one thread, virtual CPUs, a virtual clock, events in a given order
///     storm/       CPUs are threads, interrupts are signals, RCU is liburcu's
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "machine/cpu.hpp"
#include "machine/design.hpp"
#include "machine/held.hpp"
#include "machine/ledger.hpp"
#include "machine/place.hpp"
#include "machine/tally.hpp"
#include "machine/task.hpp"
#include "trefoil/mm/mm.hpp"

namespace trefoil::machine {

/// It outlives every task and reference that it was asked to make.
///
/// A call that names a CPU runs on it: the calling thread is that CPU meanwhile, and no other thread
/// may be. Calls for different CPUs may come from several threads at once, if the driver says so;
/// then no CPU has a number beyond those it was made with.
class host {
 public:
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  // ---- what tasks do -----------------------------------------------------------------------------

  /// A new address space, of the one shape (shape.hpp), with one user, in that user namespace; none:
  /// in the first one. Empty: no memory. (mm_alloc)
  [[nodiscard]] user_ref try_create(unsigned cpu, std::uint64_t number, namespace_ref owner = {});
  /// The same; throws std::bad_alloc.
  [[nodiscard]] user_ref create(unsigned cpu, std::uint64_t number);

  /// One more user namespace, of that user. Throws std::bad_alloc. (create_user_ns)
  [[nodiscard]] namespace_ref create_user_namespace(unsigned cpu, std::uint32_t owner_uid);

  /// A copy of an address space, page by page as they are written to; empty: no memory. (dup_mm)
  [[nodiscard]] user_ref copy(unsigned cpu, const user_ref& of, std::uint64_t number);

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

  /// The same from a place where mappings may not go: a worker takes them along. (mmput_async)
  void mmput_async(unsigned cpu, user_ref space, place where = place::softirq);

  /// The last reference to a task is gone. (delayed_put_task_struct and what follows)
  void free_task(unsigned cpu, task& who, place where = place::rcu_callback);

  // ---- what other holders do ---------------------------------------------------------------------

  /// What a holder of that kind keeps of it here.
  [[nodiscard]] held hold(holder whose, const user_ref& space);
  /// The same from a task's slot, which may be somebody else's: empty if that has left it.
  [[nodiscard]] held hold(holder whose, const slot<user_ref>& space);
  /// It lets go, at the level of the place, or what its code assumes (assumed_by) if that is less.
  virtual void drop(unsigned cpu, held& slot, holder whose, place where);

  /// Runs f there: for what holds no address space, but lets go of something that does.
  template <class F>
  void run_at(unsigned cpu, place where, F&& f) {
    run(cpu, where, holder::struct_only, std::forward<F>(f));
  }

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
  virtual void give_back(unsigned cpu, place where = place::scheduler_tail);
  /// A CPU that is down cannot do that: another one does. (finish_cpu)
  void give_back_of(unsigned dead, unsigned cpu, place where = place::task);
  /// A holder turns out to be this CPU. Precondition: the CPU has nothing borrowed.
  void turn_lazy(unsigned cpu, held& slot);
  [[nodiscard]] const lazy_tlb& borrowed(unsigned cpu) { return at(cpu).lazy; }

  // ---- what can be seen --------------------------------------------------------------------------

  [[nodiscard]] const design& lifetimes() const noexcept { return design_; }
  /// References given back by holders of that kind.
  [[nodiscard]] std::int64_t drops(holder of) const noexcept {
    return drops_[static_cast<std::size_t>(of)];
  }
  [[nodiscard]] const machine::ledger& figures() const noexcept { return ledger_; }
  /// Atomic read-modify-writes on the counts of address spaces, exec states and user namespaces, by
  /// the calls above. (A caller's own copies of references are not among them.) Not where interrupts
  /// are signals: one that comes in the middle of a call is counted twice, or not.
  [[nodiscard]] std::uint64_t count_operations() const noexcept {
    return static_cast<std::uint64_t>(std::int64_t{count_operations_});
  }
  /// Page directories alive, from the list that they are on.
  [[nodiscard]] std::size_t listed() const noexcept { return kernel_.page_directories(); }

  /// From now on locks are checked, on all CPUs there are. Before they run.
  void check_locks() noexcept;
  [[nodiscard]] const lock_checker& locks() const noexcept { return checker_; }

 protected:
  /// `frames` outlives the machine; machines may share it.
  host(const design& lifetimes, flavour kernel, mm::frame_allocator<platform>& frames,
       unsigned cpus = 0);
  virtual ~host();

  /// Teardowns that could not run where they came up are on their way, on that CPU
  /// (cpu::take_deferred). `again`: a worker has tried, in a place that would not do.
  virtual void hand_over(unsigned cpu, holder whose, bool again) = 0;

  /// Runs f on a CPU, in a place, on behalf of a holder. `at_most`: what code assumes that does not
  /// know where it was called.
  template <class F>
  void run(unsigned cpu, place where, holder whose, F&& f,
           context::level at_most = context::process, bool again = false);
  /// What a worker does with a deferred teardown.
  void run_deferred(unsigned cpu, deferred<platform>& node, holder whose, place where);

  /// A worker looks after what waits for lazy CPUs: now and then, while has_errands().
  void run_errands(unsigned cpu);
  [[nodiscard]] bool has_errands() const noexcept { return !errands_.empty(); }

  machine::cpu& at(unsigned cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      make_cpus(cpu + 1);
    return *cpus_[cpu];
  }
  [[nodiscard]] unsigned cpus() const noexcept { return static_cast<unsigned>(cpus_.size()); }
  [[nodiscard]] flavour kernel_flavour() const noexcept { return flavour_; }
  [[nodiscard]] machine::ledger& notes() noexcept { return ledger_; }
  [[nodiscard]] mm::kernel<platform>& kernel() noexcept { return kernel_; }

  /// What happens meanwhile counts nowhere.
  void count_operations(bool yes) noexcept { counting_ = yes; }

 private:
  template <class F>
  void counted(F&& f);
  void make_cpus(unsigned number);
  exec_ref new_exec_state(const user_ref& of);

  const design& design_;
  const flavour flavour_;
  machine::ledger ledger_;
  mm::kernel<platform> kernel_;
  namespace_ref init_user_ns_;
  take_all_list<platform> errands_;
  std::vector<std::unique_ptr<machine::cpu>> cpus_;
  lock_checker checker_;
  tally count_operations_;
  std::array<tally, holder_kinds> drops_{};
  bool counting_ = true;
};

template <class F>
void host::run(unsigned cpu, place where, holder whose, F&& f, context::level at_most, bool again) {
  machine::cpu& runner = at(cpu);
  processor& here = runner.as_processor();
  counted([&] {
    const runs_on presence(here, flavour_, where, at_most);
    const holder before = std::exchange(here.dropping, whose);
    f();
    here.dropping = before;  // an interrupt leaves everything as it was
  });
  if (runner.has_deferred()) hand_over(cpu, whose, again);
}

/// Runs f; what it does to counts is this machine's.
template <class F>
void host::counted(F&& f) {
  const std::uint64_t before = detail::count_operations;
  f();
  if (counting_) count_operations_ += static_cast<std::int64_t>(detail::count_operations - before);
}

}  // namespace trefoil::machine
