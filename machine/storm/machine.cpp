// SPDX-License-Identifier: Apache-2.0
#include "machine/storm/machine.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "machine/storm/thread_for.hpp"

namespace trefoil::machine {

storm_machine::storm_machine(const design& lifetimes, mm::frame_allocator<platform>& frames,
                             unsigned cpus, std::uint64_t seed)
    : host(lifetimes, flavour::ordinary, frames, cpus + 1), seed_(seed), rcu_(cpus + 1) {
  for (unsigned i = 0; i <= cpus; ++i) {
    per_cpu_.push_back(std::make_unique<storm_cpu>());
    storm_cpu& c = *per_cpu_.back();
    c.machine = this;
    c.number = i;
    c.random = chance(seed + i);
  }
  check_locks();
}

storm_machine::~storm_machine() = default;

void storm_machine::start(task_step step, kernel_work apart) {
  step_ = std::move(step);
  apart_ = std::move(apart);
  interrupts_ = std::make_unique<interrupts>(interrupted, seed_, 150);
  try {
    for (const std::unique_ptr<storm_cpu>& c : per_cpu_) start(*c);
  } catch (...) {
    open(gate::never);
    join();
    throw;
  }
  open(gate::open);
}

void storm_machine::start(storm_cpu& c) {
  const std::string name =
      "CPU " + std::to_string(c.number) + " of " + std::to_string(per_cpu_.size());
  c.thread = thread_for(name, [this, one = &c] {
    gate_.wait(gate::shut, std::memory_order_acquire);
    if (gate_.load(std::memory_order_acquire) == gate::never) return;
    const rcu::reader reads;
    const runs_on presence(at(one->number).as_processor(), kernel_flavour(), place::task);
    const interrupts::target takes_interrupts(*interrupts_, one);
    if (one->number == apart()) {
      run_apart(*one);
    } else {
      run_cpu(*one);
    }
  });
}

void storm_machine::open(gate to) noexcept {
  gate_.store(to, std::memory_order_release);  // pairs with the acquires of CPUs that wait there
  gate_.notify_all();
}

void storm_machine::join() {
  for (const std::unique_ptr<storm_cpu>& c : per_cpu_) {
    if (c->thread.joinable()) c->thread.join();
  }
  interrupts_.reset();
}

void storm_machine::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  join();
  // This thread is every CPU in turn now: what grace periods still bring, and what that defers.
  for (bool again = true; again;) {
    again = false;
    rcu_.barrier();
    for (const std::unique_ptr<storm_cpu>& c : per_cpu_) {
      again = again || rcu_.any_delivered(c->number) || at(c->number).has_deferred();
      hard_interrupt(*c);
      run_deferred_on(c->number, c->number);
    }
    if (has_errands()) run_errands(0);  // nothing is borrowed any more: once will do
  }
}

// ---- interrupts ------------------------------------------------------------------------------------

void storm_machine::interrupted(void* whose) noexcept {
  storm_cpu& c = *static_cast<storm_cpu*>(whose);
  if (c.state.load(std::memory_order_relaxed) == power::dead) return;
  ++c.machine->interrupts_taken_;
  c.machine->hard_interrupt(c);
}

/// And softirqs on the way out, unless it is a softirq that was interrupted. (irq_exit)
void storm_machine::hard_interrupt(storm_cpu& c) noexcept {
  c.device.finished([&](fence_ref done) {
    // If its program has gone meanwhile, it is the last user: a worker takes the mappings along.
    if (done->user) mmput_async(c.number, std::move(done->user), place::hardirq);
    drop(c.number, done->kept, holder::struct_only, place::hardirq);
    run(c.number, place::hardirq, holder::struct_only, [&] { done.drop(); });
  });
  softirqs(c);
}

void storm_machine::softirqs(storm_cpu& c) noexcept {
  if (c.in_softirq.exchange(true, std::memory_order_relaxed)) return;
  rcu_.run_delivered(c.number, c.number);
  c.in_softirq.store(false, std::memory_order_relaxed);
}

void storm_machine::submit(unsigned cpu, fence_ref f) noexcept {
  if (const fence_ref back = per_cpu_[cpu]->device.submit(std::move(f))) finish(cpu, back);
}

/// In a task, where anything may go.
void storm_machine::finish(unsigned cpu, const fence_ref& done) {
  if (done->user) mmput(cpu, std::move(done->user));
  drop(cpu, done->kept, holder::struct_only, place::task);
}

// ---- CPUs ------------------------------------------------------------------------------------------

void storm_machine::run_cpu(storm_cpu& c) {
  for (;;) {
    softirqs(c);
    if (c.number == 0) {
      if (c.random.one_in(2000)) take_one_down(c);
    } else {
      die_if_asked(c);
    }
    if (run_something(c)) continue;
    if (stopping_.load(std::memory_order_relaxed)) break;
    std::this_thread::sleep_for(std::chrono::microseconds(50));  // idle
  }
  load_init_mm(c);
}

/// One thing; false: there was nothing to do.
bool storm_machine::run_something(storm_cpu& c) {
  if (has_errands() && c.random.one_in(32)) run_errands(c.number);
  if (at(c.number).has_deferred()) {
    switch_to(c, {});  // the kworker of this CPU
    run_deferred_on(c.number, c.number);
    return true;
  }
  if (run_queued(c)) return true;
  task_ref next = next_task();
  if (!next && !c.current) return false;
  if (next) switch_to(c, std::move(next));
  for (unsigned slice = 1 + c.random.below(8); slice > 0 && c.current; --slice) {
    step_(c.number, c.current);
  }
  if (!c.current || c.random.one_in(4)) switch_to(c, {});  // idle, or a kernel thread for a moment
  return true;
}

bool storm_machine::run_queued(storm_cpu& c) {
  kernel_work work;
  {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (queued_.empty()) return false;
    work = std::move(queued_.front());
    queued_.pop_front();
  }
  switch_to(c, {});
  work(c.number);
  return true;
}

void storm_machine::run_deferred_on(unsigned of_cpu, unsigned cpu) {
  for (deferred<platform>* n = at(of_cpu).take_deferred(); n != nullptr;) {
    deferred<platform>* const next = n->next.get();
    run_deferred(cpu, *n, holder::struct_only, place::task);
    n = next;
  }
}

void storm_machine::run_apart(storm_cpu& c) {
  while (!stopping_.load(std::memory_order_relaxed)) {
    softirqs(c);
    run_deferred_on(c.number, c.number);
    apart_(c.number);
  }
}

// ---- switches --------------------------------------------------------------------------------------

void storm_machine::schedule(task_ref task) {
  const std::lock_guard<std::mutex> locked(mutex_);
  runnable_.push_back(std::move(task));
}
void storm_machine::queue_work(kernel_work work) {
  const std::lock_guard<std::mutex> locked(mutex_);
  queued_.push_back(std::move(work));
}
task_ref storm_machine::next_task() {
  const std::lock_guard<std::mutex> locked(mutex_);
  if (runnable_.empty()) return {};
  task_ref next = std::move(runnable_.front());
  runnable_.pop_front();
  return next;
}

/// The four transitions (host.hpp). The task that ran may run elsewhere only when this CPU has done
/// with it: it could exit there, and its address space with it. (context_switch, finish_task_switch)
void storm_machine::switch_to(storm_cpu& c, task_ref next) {
  task_ref before = std::exchange(c.current, std::move(next));
  const bool to_user = c.current && !c.current->mms.mm.empty();
  const bool lazy = static_cast<bool>(borrowed(c.number));
  ++switches_;
  if (to_user) {
    if (lazy) give_back(c.number);
  } else if (!lazy && before && !before->mms.mm.empty()) {
    borrow(c.number, before->mms.mm.load());
  }
  if (before) schedule(std::move(before));
}

/// The one address space that is always there: nothing is borrowed.
void storm_machine::load_init_mm(storm_cpu& c) {
  switch_to(c, {});
  give_back(c.number);
}

// ---- hotplug ---------------------------------------------------------------------------------------

/// A CPU that dies has some address space loaded, and may not drop it: it is not there any more when
/// the teardown would run. So it leaves it. (idle_task_exit, finish_cpu)
void storm_machine::die_if_asked(storm_cpu& c) {
  if (c.state.load(std::memory_order_acquire) != power::asked_to_die) return;
  switch_to(c, {});
  c.state.store(power::dead, std::memory_order_release);  // pairs with take_one_down()
  while (c.state.load(std::memory_order_acquire) == power::dead) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void storm_machine::take_one_down(storm_cpu& control) {
  if (per_cpu_.size() < 3 || stopping_.load(std::memory_order_relaxed)) return;
  storm_cpu& c =
      *per_cpu_[1 + control.random.below(static_cast<std::uint32_t>(per_cpu_.size() - 2))];
  c.state.store(power::asked_to_die, std::memory_order_release);
  while (c.state.load(std::memory_order_acquire) != power::dead) {
    power asked = power::asked_to_die;
    if (stopping_.load(std::memory_order_relaxed) &&
        c.state.compare_exchange_strong(asked, power::on, std::memory_order_relaxed))
      return;  // it may have gone down already, with all the others
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  ++offlined_;
  // acquire, above: all that it has done before it died is ours to finish.
  give_back_of(c.number, control.number);
  c.device.finished([&](const fence_ref& done) { finish(control.number, done); });
  rcu_.run_delivered(c.number, control.number);
  run_deferred_on(c.number, control.number);
  c.state.store(power::on, std::memory_order_release);
}

}  // namespace trefoil::machine
