// SPDX-License-Identifier: Apache-2.0
// The translator: ends of address spaces and of tasks, and who let go last.
#include "lab/record/translator.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace trefoil::lab {

void translator::task_exit(const raw_record& r, event& e) {
  auto& task = tasks_.at(r.task);
  if (std::exchange(task.facts.exited, true)) return;
  e.kind = event_kind::task_exit;
  if (r.mm != 0) e.mm = mm_at(r.mm).id;
  e.task = task.id;
  if (r.other != 0) e.files = files_.exits(r.task, r.other, r.number, r.subject == 0);
  if (r.fourth != 0) e.sighand = sighands_.at(r.fourth).id;
  emit(e);
}

void translator::gone(const raw_record& r, const event& e) {
  if (!options_.derives_files) return;
  event end = e;
  end.files = files_.gone(r.task);
  if (!end.files) return;
  end.kind = event_kind::files_free;
  emit(end);
}

route translator::route_of_item(const item& one, circumstances& around) const {
  switch (one.record.cause) {
    case raw_cause_exit: return by_exit;
    case raw_cause_exec: return by_exec;
    case raw_cause_context_switch: return by_context_switch;
    default: break;
  }
  std::vector<std::string_view> functions;
  functions.reserve(one.stack.size());
  for (const std::uint64_t address : one.stack) {
    // A return address lies behind the call, perhaps in the next function already.
    functions.push_back(symbols_->at(address - 1));
    if (!around.stack.empty()) around.stack += ' ';
    around.stack += functions.back().empty() ? std::string_view("?") : functions.back();
  }
  return route_of(functions);
}

void translator::set_route(event& e, const route& how) {
  e.context = how.context;
  if (!how.name.empty()) e.route = words_->routes.intern(how.name);
}

sampled_context translator::context_of(std::int64_t preempt_count,
                                       sampled_context told_by_stack) const {
  if (preempt_count < 0) return told_by_stack;
  if ((preempt_count & options_.in_hardirq) != 0) return sampled_context::hardirq;
  if ((preempt_count & in_softirq) != 0) return sampled_context::softirq;
  const bool uncounted = !options_.counts_softirqs && told_by_stack == sampled_context::softirq;
  return uncounted ? told_by_stack : sampled_context::task;
}

void translator::exit_mmap(const item& one, event& e) {
  auto& mm = mm_at(one.record.mm);
  if (std::exchange(mm.facts.emptied, true)) {
    if (!outside_) ++figures_.refused;
    return;
  }
  if (one.record.mm_count == 1) lets_go(mm.facts);
  e.kind = event_kind::exit_mmap;
  e.mm = mm.id;
  circumstances around;
  const route how = route_of_item(one, around);
  set_route(e, how);
  if (one.record.mm_count == 1 && !how.name.empty()) {
    mm.facts.ender = e.pid;
    mm.facts.ending = how;
  }
  emit(e, around);
}

void translator::mm_free(const item& one, event& e) {
  const auto& mm = mm_at(one.record.mm);
  const bool incomplete = options_.has_exit_mmap && mm.facts.born && !mm.facts.emptied;
  if (incomplete && !outside_) ++figures_.incomplete_mms;
  if (outside_ && mm.facts.end_due) ++ends_just_after_;
  e.kind = event_kind::mm_free;
  e.mm = mm.id;
  circumstances around;
  route how = route_of_item(one, around);
  // What its functions jump to leaves no trace of them: the stack may be that of another way.
  if (one.record.cause == raw_cause_unknown && mm.facts.ender == e.pid) how = mm.facts.ending;
  around.holder = how.holder;
  around.preempt_count = one.record.number;
  set_route(e, how);
  e.context = context_of(around.preempt_count, e.context);
  mms_.gone(one.record.mm);
  emit(e, around);
}

bool translator::end_is_untold(const raw_record& drop) {
  const auto time_ns = static_cast<std::int64_t>(drop.time_ns);
  if (untold_.erase({drop.mm, time_ns}) != 0) return true;
  const auto still = last_drop_ns_.find(drop.mm);
  if (still == last_drop_ns_.end() || still->second != time_ns) return false;
  last_drop_ns_.erase(still);
  return true;
}

// The next task drops the reference before it does anything else. Some kernels keep some tasks from being
// traced; if it was the last one, the end is certain all the same.
void translator::dead_drop(const raw_record& r, event& e) {
  auto& mm = mm_at(r.mm);
  const bool last = r.mm_count == 1;
  if (last) lets_go(mm.facts);
  e.kind = event_kind::dead_drop;
  e.mm = mm.id;
  e.task = tasks_.at(r.task).id;
  emit(e);
  if (!last || !options_.frees_mms_in_switch || !end_is_untold(r)) return;
  if (!outside_) ++figures_.deduced_frees;
  event end = e;
  end.kind = event_kind::mm_free;
  end.task = {};
  end.pid = r.subject;
  end.who = actor::user;
  end.comm = words_->comms.intern("?");
  end.mm_users = end.mm_count = 0;
  end.subject = not_read;
  set_route(end, by_deduction);
  mms_.gone(r.mm);
  circumstances around;
  around.holder = by_deduction.holder;
  emit(end, around);
}

// Whoever frees a task after its grace period does so in an RCU callback: in a softirq, but for
// kernels whose callbacks have threads of their own.
void translator::rcu_put(const raw_record& r, event& e) {
  e.kind = event_kind::rcu_put;
  const auto& task = tasks_.at(r.task);
  e.task = task.id;
  e.context = e.who == actor::rcu_kthread ? sampled_context::task : sampled_context::softirq;
  emit(e);
  if (!options_.frees_tasks_at_put || r.number != 1) return;
  if (task.facts.victim && options_.tells_victims) return;
  e.kind = event_kind::task_free;
  e.route = words_->routes.intern("rcu callback");
  e.subject = not_read;
  tasks_.gone(r.task);
  emit(e);
}

// An OOM victim's, whom others may have had long after its rcu_put.
void translator::victim_free(const item& one, event& e) {
  auto* const task = tasks_.find(one.record.task);
  if (task == nullptr || !task->facts.victim) return;
  e.kind = event_kind::task_free;
  e.task = task->id;
  circumstances around;
  set_route(e, route_of_item(one, around));
  e.context = context_of(one.record.number, e.context);
  tasks_.gone(one.record.task);
  emit(e);
}

void translator::oom(const raw_record& r, event& e) {
  if (r.task == 0) return;
  e.kind = event_kind::oom;
  auto& task = tasks_.at(r.task);
  task.facts.victim = true;
  e.task = task.id;
  e.subject = not_read;
  emit(e);
}

}  // namespace trefoil::lab
