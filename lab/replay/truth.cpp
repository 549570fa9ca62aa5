// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/truth.hpp"

#include <initializer_list>
#include <optional>
#include <utility>

namespace trefoil::lab {

using machine::flavour;
using machine::place;

namespace {

// Softirqs and RCU callbacks run on top of a task that has nothing to do with them.
bool belongs_to_the_task(const event& e) {
  return e.kind != event_kind::rcu_put && e.kind != event_kind::task_free &&
         e.context != sampled_context::softirq && e.context != sampled_context::hardirq;
}

// What the kernel's stack said, as far as it was told apart from others.
std::optional<place> place_of_route(std::string_view route) {
  if (route == "context-switch") return place::scheduler_tail;
  if (route == "rcu callback") return place::rcu_callback;
  for (const std::string_view of_a_task : {"exec", "do_exit", "close", "release", "workqueue"}) {
    if (route.find(of_a_task) != std::string_view::npos) return place::task;
  }
  return std::nullopt;
}

// On PREEMPT_RT softirqs, RCU's among them, are threads.
bool runs_callbacks(const event& e) {
  return e.who == actor::rcu_kthread || e.who == actor::ksoftirqd;
}

}  // namespace

bool is_of_an_observed_holder(std::string_view route) {
  for (const std::string_view known :
       {"context-switch", "(mmput)", "rcu callback", "mmdrop_async"}) {
    if (route.find(known) != std::string_view::npos) return true;
  }
  return false;
}

// On PREEMPT_RT the scheduler leaves its drops to RCU; all else that is deferred goes to a kworker.
bool truth::left_to_rcu(const last_drop& how) const {
  return flavour_ == flavour::preempt_rt && how.where == place::scheduler_tail;
}

void truth::look(const event& e, std::int64_t row) {
  if (!belongs_to_the_task(e)) return;
  const auto expected = next_.find(who(e.pid, e.cpu));
  const bool is_late = e.kind == event_kind::mm_free && late_.contains(e.mm.value());
  // An end that is late already must not make another one late.
  if (expected != next_.end() && !is_late) {
    const bool prompt = e.kind == event_kind::mm_free && e.mm == expected->second;
    (prompt ? prompt_ : late_).insert(expected->second.value());
    next_.erase(expected);
  }
  // RCU's threads have many callbacks to run; switching between them is no event of one of them.
  const bool only_a_switch = e.kind == event_kind::dead_borrow || e.kind == event_kind::dead_drop ||
                             e.kind == event_kind::context_switch;
  const bool worker = e.who == actor::kworker || (runs_callbacks(e) && !only_a_switch);
  if (worker && e.kind != event_kind::mm_free) last_row_of_worker_[who(e.pid, e.cpu)] = row;
}

void truth::predict(mm_story& mm, const last_drop& how) {
  mm.ending = how;
  if (how.deferred) {
    deferred_.push_back({how.cpu, left_to_rcu(how), mm.id});
    return;
  }
  const auto [at, fresh] = next_.try_emplace(who(how.pid, how.cpu), mm.id);
  if (!fresh) late_.insert(std::exchange(at->second, mm.id).value());
}

void truth::withdraw(mm_story& mm) {
  const auto expected = next_.find(who(mm.ending.pid, mm.ending.cpu));
  if (expected != next_.end() && expected->second == mm.id) next_.erase(expected);
  prompt_.erase(mm.id.value());
  late_.erase(mm.id.value());
  std::erase_if(deferred_, [&](const waiting& w) { return w.mm == mm.id; });
  overtaken_.erase(mm.id.value());
  mm.ending = {};
}

std::string_view truth::wrong_place(place predicted, const event& e, std::string_view route) const {
  if (const std::optional<place> told = place_of_route(route); told && *told != predicted) {
    return "let go in another place";
  }
  if (e.context == sampled_context::not_sampled || e.context == sampled_context::unknown) return {};
  const auto sampled = static_cast<std::size_t>(machine::sampled_as(flavour_, predicted));
  return name_of(e.context) == machine::sampled_names[sampled] ? std::string_view{}
                                                               : "let go in another context";
}

// Works are done in the order in which they were queued on a CPU.
std::string_view truth::wrong_end_of_deferred(const mm_story& mm, const event& e) {
  const bool for_rcu = left_to_rcu(mm.ending);
  for (auto at = deferred_.begin(); at != deferred_.end(); ++at) {
    if (at->mm == mm.id) {
      deferred_.erase(at);
      break;
    }
    if (at->cpu == mm.ending.cpu && at->for_rcu == for_rcu) overtaken_.insert(at->mm.value());
  }
  if (overtaken_.erase(mm.id.value()) != 0) return "the worker ended a later one first";
  if (for_rcu ? !runs_callbacks(e) : e.who != actor::kworker) {
    return "deferred in the replay, ended by no worker";
  }
  const auto last = last_row_of_worker_.find(who(e.pid, e.cpu));
  if (last != last_row_of_worker_.end() && last->second > mm.ending.row) {
    return "not the worker's next event";
  }
  return {};
}

std::string_view truth::wrong_end(const mm_story& mm, const event& e,
                                  std::string_view route) const {
  if (who(e.pid, e.cpu) != who(mm.ending.pid, mm.ending.cpu)) return "another task let go last";
  if (!prompt_.contains(mm.id.value())) return "not the task's next event";
  if (e.cpu != mm.ending.cpu) return "another CPU";
  return wrong_place(mm.ending.where, e, route);
}

std::string_view truth::wrong(const mm_story& mm, const event& e, std::string_view route) {
  return mm.ending.deferred ? wrong_end_of_deferred(mm, e) : wrong_end(mm, e, route);
}

bool truth::compare(const mm_story& mm, const event& e, std::string_view route,
                    std::string_view held_by) {
  if (!mm.mappings_gone) return false;  // exit_mmap is not in the file
  std::string cause;
  if (mm.ending) {
    cause = wrong(mm, e, route);
  } else {
    cause = "the end of a holder was not seen: ";
    cause += held_by;
  }
  prompt_.erase(mm.id.value());
  late_.erase(mm.id.value());
  // Of several holders, one of those that only mm_count told of was the last, unless the recording
  // names one of the others.
  if (mm.strangers != 0 && !is_of_an_observed_holder(route)) {
    ++figures_.inferred;
    return false;
  }
  // What a recorder has deduced cannot contradict what is deduced here.
  if (route == deduced_route) {
    ++figures_.inferred;
    return false;
  }
  ++figures_.mms;
  if (!cause.empty()) {
    ++figures_.disagree[cause];
    return false;
  }
  ++figures_.agree;
  return true;
}

void truth::end_segment() {
  next_.clear();
  prompt_.clear();
  late_.clear();
  last_row_of_worker_.clear();
  deferred_.clear();
  overtaken_.clear();
}

}  // namespace trefoil::lab
