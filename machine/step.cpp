// SPDX-License-Identifier: Apache-2.0
#include "machine/step.hpp"

#include <chrono>
#include <utility>

namespace trefoil::machine {

// Without memory to note that something was deferred there is no way on.
step::~step() {  // NOLINT(bugprone-exception-escape)
  pause();
  give_back_all();
  // One thread: a CPU that gives back misses nothing, and errands would find nothing. But what is sent
  // is on its way until it has run, and other machines rely on it, too.
  if (has_errands()) run_errands(0);
  resume(figures().now_ns());
}

void step::hand_over(unsigned cpu, holder whose, bool again) {
  const std::int64_t now = figures().now_ns();
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
bool step::left_to_rcu(holder whose, bool again) const noexcept {
  return kernel_flavour() == flavour::preempt_rt && whose == holder::lazy_cpu && !again;
}

void step::run_work(const work& w) {
  if (!paused_) wait_ns_.add(figures().now_ns() - w.since_ns);
  run_node(w);
}

void step::run_node(const work& w) {
  run_deferred(w.cpu, *w.node, w.whose,
               left_to_rcu(w.whose, w.again) ? place::rcu_callback : place::task);
}

/// The queue whose first work is due first; null: there is none.
std::deque<step::work>* step::next_due() {
  if (works_.empty()) return callbacks_.empty() ? nullptr : &callbacks_;
  if (callbacks_.empty()) return &works_;
  return callbacks_.front().due_ns < works_.front().due_ns ? &callbacks_ : &works_;
}

void step::run_due(std::int64_t until_ns) {
  for (std::deque<work>* q = next_due(); q != nullptr && q->front().due_ns <= until_ns;
       q = next_due()) {
    const work next = q->front();
    q->pop_front();
    notes().advance(next.due_ns);
    run_work(next);
  }
}

void step::advance(std::int64_t now_ns) {
  if (next_due() != nullptr) run_due(now_ns);
  notes().advance(now_ns);
}

void step::pause() {
  paused_ = true;
  count_operations(false);
  notes().pause();
}

void step::resume(std::int64_t now_ns) {
  while (std::deque<work>* const q = next_due()) {
    const work next = q->front();
    q->pop_front();
    run_work(next);
  }
  paused_ = false;
  count_operations(true);
  notes().resume(now_ns);
}

void step::mmput_async_now(unsigned cpu, user_ref space) {
  const std::size_t waiting = works_.size();
  mmput_async(cpu, std::move(space));
  while (works_.size() > waiting) {
    const work mine = works_.back();
    works_.pop_back();
    run_node(mine);
  }
}

/// Times what tears something down where that may not take long.
template <class F>
void step::timed(place where, F&& f) {
  using clock = std::chrono::steady_clock;
  const std::int64_t before = torn_down();
  const clock::time_point begin = where == place::task ? clock::time_point{} : clock::now();
  f();
  if (where == place::task || paused_ || torn_down() == before) return;
  const auto took = clock::now() - begin;
  atomic_ns_.add(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

void step::drop(unsigned cpu, held& slot, holder whose, place where) {
  if (!slot) return;
  timed(where, [&] { host::drop(cpu, slot, whose, where); });
}

void step::give_back(unsigned cpu, place where) {
  const lazy_tlb& lazy = borrowed(cpu);
  if (!lazy) return;
  // Most find somebody else there; looking at the clock would take longer than they do.
  if (!lazy.may_be_last()) return host::give_back(cpu, where);
  timed(where, [&] { host::give_back(cpu, where); });
}

void step::give_back_all() {
  for (unsigned i = 0; i < cpus(); ++i) step::give_back(i);
}

}  // namespace trefoil::machine
