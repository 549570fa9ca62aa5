// SPDX-License-Identifier: Apache-2.0
// Births, program changes.
#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "machine/storm/workload.hpp"
#include "trefoil/make.hpp"

namespace trefoil::machine {

namespace {

constexpr std::int64_t most_tasks = 96;     // at a time, so that they meet each other
constexpr unsigned longest_lingering = 64;  // steps

}  // namespace

workload::workload(storm_machine& machine, const workload_size& size)
    : machine_(machine), size_(size), attacker_(~size.seed) {}

/// All processes there should be have begun, and the attacker has had enough to do.
bool workload::enough() const noexcept {
  if (stopped_.load(std::memory_order_relaxed)) return true;
  return born_.load(std::memory_order_relaxed) >= size_.processes &&
         figures_.attempts >= static_cast<std::int64_t>(size_.attempts);
}
bool workload::over() const noexcept { return enough() && alive_ == 0; }

double workload::done() const noexcept {
  return static_cast<double>(born_.load(std::memory_order_relaxed)) /
         static_cast<double>(size_.processes);
}

/// init. It has an address space, as everybody.
void workload::begin() {
  chance random(size_.seed);
  start(make<process>(true, std::make_unique<files>()), nullptr,
        machine_.create(0, numbers_.fetch_add(1, std::memory_order_relaxed)), random);
}

void workload::step(unsigned cpu, task_ref& task) {
  task_contents& me = *task;
  switch (me.now) {
    case stage::lives:
      if (me.group().is_init()) {
        if (enough()) {
          me.now = stage::leaves_mm;
        } else {
          spawn_fresh(cpu, me.life);
        }
        return;
      }
      if (me.group().killed.load(std::memory_order_relaxed) || me.steps_left == 0) {
        me.now = stage::leaves_mm;
        return;
      }
      --me.steps_left;
      act(cpu, me);
      return;
    case stage::leaves_mm:
      machine_.exit_mm(cpu, me.mms);
      me.now = stage::puts_mm;
      return;
    case stage::puts_mm:
      machine_.mmput(cpu, std::move(me.mms.leaving));
      me.steps_left = longest_lingering;
      me.attempts_met = figures_.attempts;
      me.now = stage::lingers;
      return;
    case stage::lingers:
      // An exit has more to do before its files are closed (exit_sem, exit_shm). It takes long enough
      // to be looked at, on a machine where threads take turns, too.
      if (figures_.attempts >= me.attempts_met + 8 || me.steps_left-- == 0) {
        me.now = stage::closes_files;
      } else {
        std::this_thread::yield();
      }
      return;
    case stage::closes_files:
      exit_files(cpu, me);
      me.now = stage::is_released;
      return;
    case stage::is_released: release(cpu, task); return;
  }
}

void workload::act(unsigned cpu, task_contents& me) {
  if (oom_kill_is_due()) out_of_memory(cpu, me);
  switch (me.life.below(48)) {
    case 0:
    case 1:
    case 2:
    case 3: return fork(cpu, me);
    case 4:
    case 5: return clone_thread(me);
    case 6:
    case 7: return clone_vm(me);
    case 8:
    case 9: return exec(cpu, me);
    case 10:
    case 11:
    case 12: return open_proc(cpu, me);
    case 13:
    case 14:
    case 15: return open_own(me);
    case 16:
    case 17:
    case 18:
    case 19:
    case 20: return use_file(cpu, me);
    case 21:
    case 22: return close_one(cpu, me);
    case 23:
    case 24: return pass_file(me);
    case 25: return give_to_device(cpu, me);
    case 26: return register_event(cpu, me);
    case 27:
    case 28: return process_mrelease(cpu, me);
    default:
      // One's own, while it is used: it is what this task has, and nobody else changes that.
      if (const user_ref mine = me.mms.mm.load()) use_memory(*mine, me.life);
      return;
  }
}

/// One more process is to be; false: there have been enough, or too many are there now, or the
/// attacker, who is to meet all of them, does not keep up.
bool workload::claim_process() noexcept {
  if (alive_ >= most_tasks || stopped_.load(std::memory_order_relaxed)) return false;
  std::uint64_t n = born_.load(std::memory_order_relaxed);
  while (n < size_.processes) {
    if (figures_.attempts < static_cast<std::int64_t>(size_.attempts * n / size_.processes))
      return false;
    if (born_.compare_exchange_weak(n, n + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

ref<process> workload::new_process() {
  ++figures_.processes;
  return make<process>(false, std::make_unique<files>());
}

/// A task starts. Nobody has seen it before it is in the table, and it runs after that.
void workload::start(ref<process> group, const task_contents* parent, user_ref space,
                     chance& random) {
  group->running.fetch_add(1, std::memory_order_relaxed);
  group->tasks.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t seed = size_.seed ^ (std::uint64_t{random.below(1U << 30)} << 20);
  task_ref task = make<task_struct>(std::move(group), seed, 4 + random.below(28));
  static const machine::task nobody;
  machine_.fork(parent == nullptr ? nobody : parent->mms, task->mms, std::move(space));
  ++alive_;
  ++figures_.tasks;
  if (!pids_.add(*task)) std::abort();  // more tasks than claim_process() and clone_thread() allow
  machine_.schedule(std::move(task));
}

/// With an address space of its own, and no parent's. A birth for which there is no memory is one all
/// the same: init does not wait for another one in its place.
void workload::spawn_fresh(unsigned cpu, chance& random) {
  if (!claim_process()) return;
  user_ref space = machine_.try_create(cpu, numbers_.fetch_add(1, std::memory_order_relaxed));
  if (!space) {
    ++figures_.births_refused;
    return;
  }
  start(new_process(), nullptr, std::move(space), random);
}

void workload::fork(unsigned cpu, task_contents& me) {
  if (!claim_process()) return;
  user_ref space =
      machine_.copy(cpu, me.mms.mm.load(), numbers_.fetch_add(1, std::memory_order_relaxed));
  if (!space) {  // reaped, or no memory: the child begins with nothing, if there is that much
    ++figures_.forks_refused;
    space = machine_.try_create(cpu, numbers_.fetch_add(1, std::memory_order_relaxed));
  }
  if (!space) {
    ++figures_.births_refused;
    return;
  }
  start(new_process(), &me, std::move(space), me.life);
}

/// CLONE_VM | CLONE_THREAD
void workload::clone_thread(task_contents& me) {
  // Few: were each thread to clone on, the number of all would be anybody's guess.
  if (me.group().running.load(std::memory_order_relaxed) >= 3 || alive_ >= most_tasks) return;
  start(me.share_group(), &me, me.mms.mm.load(), me.life);
}

/// CLONE_VM alone: another process with the same address space, until one of them calls exec.
void workload::clone_vm(task_contents& me) {
  if (!claim_process()) return;
  start(new_process(), &me, me.mms.mm.load(), me.life);
}

/// Every second program is set-uid: nobody may look at it. The old address space is put when the
/// locks are released. (begin_new_exec, exec_mmap; the order since 7.2)
void workload::exec(unsigned cpu, task_contents& me) {
  if (me.group().running.load(std::memory_order_relaxed) != 1) return;  // other threads first

  namespace_ref owner;
  if (me.life.one_in(4)) {  // a container begins
    owner = machine_.create_user_namespace(cpu, 1000);
    ++figures_.namespaces;
  }
  user_ref space =
      machine_.try_create(cpu, numbers_.fetch_add(1, std::memory_order_relaxed), std::move(owner));
  if (!space) return;  // ENOMEM: the old program goes on
  if (me.life.one_in(2)) space.at<identity>().set_dumpability(mm::dumpable::no);
  user_ref old = machine_.exec(me.mms, std::move(space));
  ++figures_.execs;
  machine_.mmput(cpu, std::move(old));
}

}  // namespace trefoil::machine
