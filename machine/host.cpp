// SPDX-License-Identifier: Apache-2.0
#include "machine/host.hpp"

#include <chrono>
#include <new>
#include <utility>

#include "machine/shape.hpp"
#include "trefoil/make.hpp"

namespace trefoil::machine {

host::host(const design& lifetimes, flavour kernel, mm::frame_allocator<platform>& frames,
           worker_delays delays)
    : design_(lifetimes),
      flavour_(kernel),
      delays_(delays),
      ledger_(kernel),
      kernel_(frames, ledger_),
      root_namespace_(make<mm::user_namespace<platform>>(0U)) {}

// Without memory to note that something was deferred there is no way on.
host::~host() {  // NOLINT(bugprone-exception-escape)
  pause();
  for (unsigned i = 0; i < cpus_.size(); ++i) give_back(i);
  resume(ledger_.now_ns());
}

cpu& host::at(unsigned cpu) {
  while (cpu >= cpus_.size()) cpus_.push_back(std::make_unique<machine::cpu>(ledger_));
  return *cpus_[cpu];
}

/// Runs f; what it does to counts is this machine's.
template <class F>
void host::counted(F&& f) {
  const std::uint64_t before = detail::count_operations;
  f();
  if (!paused_) count_operations_ += detail::count_operations - before;
}

/// Runs f on a CPU in a place; teardowns that it could not run are on their way afterwards.
template <class F>
void host::run(unsigned cpu, place where, holder whose, F&& f, context::level at_most, bool again) {
  processor& here = at(cpu).as_processor();
  counted([&] {
    const runs_on presence(here, flavour_, where, at_most);
    here.dropping = whose;
    f();
  });
  collect(cpu, whose, again);
}

void host::collect(unsigned cpu, holder whose, bool again) {
  const std::int64_t now = ledger_.now_ns();
  for (deferred<platform>* n = at(cpu).take_deferred(); n != nullptr;) {
    deferred<platform>* const next = n->next.get();
    if (left_to_rcu(whose, again)) {
      callbacks_.push_back({now + delays_.rcu_ns, now, n, cpu, whose, again});
    } else {
      works_.push_back({now + delays_.work_ns, now, n, cpu, whose, again});
    }
    n = next;
  }
}

/// A worker is a task. Where preemption off is not enough for a page directory (PREEMPT_RT), the
/// scheduler's drops are left to an RCU callback, which is in a thread there; and what not even that
/// may do, to a worker in the end.
bool host::left_to_rcu(holder whose, bool again) const noexcept {
  return flavour_ == flavour::preempt_rt && whose == holder::lazy_cpu && !again;
}

void host::run_work(const work& w) {
  if (!paused_) wait_ns_.add(ledger_.now_ns() - w.since_ns);
  run_node(w);
}

void host::run_node(const work& w) {
  detail::worker_tally.begun_one();
  const auto teardown = [&] {
    context::state<platform>& here = platform::state();
    here.begin_teardown();
    w.node->run.get()(*w.node);
    here.end_teardown();
  };
  const place where = left_to_rcu(w.whose, w.again) ? place::rcu_callback : place::task;
  run(w.cpu, where, w.whose, teardown, context::process, true);
}

/// The queue whose first work is due first; null: there is none.
std::deque<host::work>* host::next_due() {
  if (works_.empty()) return callbacks_.empty() ? nullptr : &callbacks_;
  if (callbacks_.empty()) return &works_;
  return callbacks_.front().due_ns < works_.front().due_ns ? &callbacks_ : &works_;
}

void host::run_due(std::int64_t until_ns) {
  for (std::deque<work>* q = next_due(); q != nullptr && q->front().due_ns <= until_ns;
       q = next_due()) {
    const work next = q->front();
    q->pop_front();
    ledger_.advance(next.due_ns);
    run_work(next);
  }
}

void host::advance(std::int64_t now_ns) {
  if (next_due() != nullptr) run_due(now_ns);
  ledger_.advance(now_ns);
}

void host::pause() {
  paused_ = true;
  ledger_.pause();
}

void host::resume(std::int64_t now_ns) {
  while (std::deque<work>* const q = next_due()) {
    const work next = q->front();
    q->pop_front();
    run_work(next);
  }
  paused_ = false;
  ledger_.resume(now_ns);
}

user_ref host::create(unsigned cpu, std::uint64_t number) {
  user_ref made;
  run(cpu, place::task, holder::user, [&] {
    made = try_make<address_space>(kernel_, root_namespace_, number);
    if (made && !populate(*made)) made.drop();
  });
  if (!made) throw std::bad_alloc();
  return made;
}

void host::fork(const task& parent, task& child, user_ref space) {
  if (design_.has_exec_state) {
    counted([&] { child.exec = parent.exec; });
    if (!child.exec) child.exec = new_exec_state();
  }
  child.mm = std::move(space);
}

/// As the identity of a new address space says of itself.
exec_ref host::new_exec_state() {
  exec_ref made;
  counted([&] { made = make<mm::exec_state<platform>>(root_namespace_, mm::dumpable::user); });
  return made;
}

user_ref host::share(const user_ref& space) {
  user_ref another;
  counted([&] { another = space; });
  return another;
}

user_ref host::adopt(task& who, user_ref space) {
  if (design_.has_exec_state && !who.exec) who.exec = new_exec_state();
  return std::exchange(who.mm, std::move(space));
}

user_ref host::exec(task& who, user_ref space) {
  if (design_.has_exec_state) {
    exec_ref made = new_exec_state();
    counted([&] { who.exec = std::move(made); });
  }
  return std::exchange(who.mm, std::move(space));
}

void host::exit_mm(unsigned cpu, task& who) {
  run(cpu, place::task, holder::user, [&] {
    who.exit_mm = held(who.mm, design_.keeps_of(holder::exit_mm));
    who.leaving = std::move(who.mm);
  });
  borrow(cpu, who.leaving);
}

void host::mmput(unsigned cpu, user_ref space, place where) {
  run(cpu, where, holder::user, [&] { space.drop(); });
}

void host::mmput_async(unsigned cpu, user_ref space) {
  const std::size_t waiting = works_.size();
  run(
      cpu, place::softirq, holder::user, [&] { space.drop(); }, context::any);
  while (works_.size() > waiting) {
    const work mine = works_.back();
    works_.pop_back();
    run_node(mine);
  }
}

void host::free_task(unsigned cpu, task& who, place where) {
  if (who.leaving || who.mm) {  // its exit was not seen
    run(cpu, place::task, holder::user, [&] {
      who.leaving.drop();
      who.mm.drop();
    });
  }
  drop(cpu, who.exit_mm, holder::exit_mm, where);
  if (who.exec) run(cpu, where, holder::exit_mm, [&] { who.exec.drop(); });
}

held host::hold(holder whose, const user_ref& space) {
  held made;
  counted([&] { made = held(space, design_.keeps_of(whose)); });
  return made;
}

void host::drop(unsigned cpu, held& slot, holder whose, place where) {
  if (!slot) return;
  using clock = std::chrono::steady_clock;
  const std::uint64_t gone = ledger_.page_directories_gone() + ledger_.identities_gone();
  const clock::time_point begin = where == place::task ? clock::time_point{} : clock::now();
  run(
      cpu, where, whose, [&] { slot.drop(); }, assumed_by(whose));
  if (where == place::task || paused_) return;
  if (gone == ledger_.page_directories_gone() + ledger_.identities_gone()) return;
  const auto took = clock::now() - begin;
  atomic_ns_.add(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

void host::borrow(unsigned cpu, const user_ref& from) {
  run(cpu, place::scheduler_tail, holder::lazy_cpu,
      [&] { at(cpu).lazy = from.share<page_directory>(); });
}

void host::give_back(unsigned cpu, place where) {
  held slot(std::move(at(cpu).lazy));
  drop(cpu, slot, holder::lazy_cpu, where);
}

void host::turn_lazy(unsigned cpu, held& slot) {
  run(cpu, place::scheduler_tail, holder::lazy_cpu, [&] { at(cpu).lazy = slot.turn_lazy(); });
}

}  // namespace trefoil::machine
