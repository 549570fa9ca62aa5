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

}  // namespace

bool truth::is_worker(const event& e) const {
  return e.who == (flavour_ == flavour::preempt_rt ? actor::rcu_kthread : actor::kworker);
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
  if (is_worker(e) && e.kind != event_kind::mm_free &&
      !(only_a_switch && e.who == actor::rcu_kthread)) {
    last_row_of_worker_[who(e.pid, e.cpu)] = row;
  }
}

void truth::predict(mm_story& mm, std::int64_t row, std::int32_t pid, std::uint16_t cpu,
                    place where, bool deferred) {
  mm.ending = {row, pid, cpu, where, deferred, false};
  if (deferred) {
    deferred_.emplace_back(cpu, mm.id);
  } else {
    const auto [at, fresh] = next_.try_emplace(who(pid, cpu), mm.id);
    if (!fresh) late_.insert(std::exchange(at->second, mm.id).value());
  }
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
  for (auto at = deferred_.begin(); at != deferred_.end();) {
    if (at->second == mm.id) {
      deferred_.erase(at);
      break;
    }
    if (at->first == mm.ending.cpu) overtaken_.insert(at->second.value());
    ++at;
  }
  if (overtaken_.erase(mm.id.value()) != 0) return "the worker ended a later one first";
  if (!is_worker(e)) return "deferred in the replay, ended by no worker";
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

void truth::compare(const mm_story& mm, const event& e, std::string_view route,
                    std::string_view held_by) {
  if (!mm.mappings_gone) return;  // exit_mmap is not in the file
  if (mm.strangers != 0) {
    ++figures_.inferred;
    return;
  }
  ++figures_.mms;
  std::string cause;
  if (mm.ending) {
    cause = mm.ending.deferred ? wrong_end_of_deferred(mm, e) : wrong_end(mm, e, route);
  } else {
    cause = "the end of a holder was not seen: ";
    cause += held_by;
  }
  if (cause.empty()) {
    ++figures_.agree;
  } else {
    ++figures_.disagree[cause];
  }
  prompt_.erase(mm.id.value());
  late_.erase(mm.id.value());
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
