// SPDX-License-Identifier: Apache-2.0
#include "lab/tsv/deduction.hpp"

#include "lab/tsv/kernel_version.hpp"

#include <array>
#include <string_view>

namespace trefoil::lab {

namespace {

using std::to_string;

template <class T>
fact<T> given(const T& value) {
  return {value, "given"};
}

template <class T>
fact<T> deduced(const T& value, const std::string& why) {
  return {value, "deduced: " + why};
}

std::optional<kernel_version> version_of(const fact<std::string>& kernel) {
  return kernel.value ? kernel_version::parse(*kernel.value) : std::nullopt;
}

// Stable series in which the open door was closed: what is known of them.
struct door {
  int major;
  int minor;
  int open_until;    // patch level that was seen to be open; -1: none was
  int closed_since;  // patch level that was seen to be closed
};
constexpr std::array doors{door{6, 1, -1, 192}, door{6, 12, 43, 107}, door{6, 18, -1, 44}};

}  // namespace

deduction::drop deduction::dropped_by(route_id route) {
  if (!route) return drop::other;
  while (routes_.size() <= route.value()) {
    const auto number = static_cast<route_id::number>(routes_.size());
    const std::string_view text = names_->routes.text(route_id{number});
    routes_.push_back(text.find("context-switch") != std::string_view::npos ? drop::scheduler_tail
                      : text.find("rcu callback") != std::string_view::npos ? drop::rcu_callback
                                                                            : drop::other);
  }
  return routes_[route.value()];
}

void deduction::observe(const event& e) {
  switch (e.kind) {
    case event_kind::mm_free: {
      const drop by = dropped_by(e.route);
      tail_drops_ += by == drop::scheduler_tail;
      rcu_drops_ += by == drop::rcu_callback;
      break;
    }
    case event_kind::task_exit:
      // A kernel thread has no mm wherever the event fires.
      exits_with_mm_ += bool(e.mm);
      exits_without_mm_ += !e.mm && e.who == actor::user_exiting;
      break;
    case event_kind::prep_exec: ++prep_execs_; break;
    default: break;
  }
}

// The scheduler's tail drops an mm at once, except on PREEMPT_RT, where pgd_lock sleeps: there
// mmdrop_sched() leaves it to an RCU callback.
fact<bool> deduction::preempt_rt(const fact<std::string>& kernel) const {
  const std::string counts = to_string(rcu_drops_) + " last drops in RCU callbacks, " +
                             to_string(tail_drops_) + " in the scheduler's tail";
  if (rcu_drops_ != tail_drops_) return deduced(rcu_drops_ > tail_drops_, counts);
  if (kernel.value && kernel.value->find("-rt") != std::string::npos) {
    return deduced(true, "the kernel's name");
  }
  return {false, "assumed: no event shows PREEMPT_RT"};
}

fact<exit_event> deduction::task_exit(const fact<std::string>& kernel) const {
  const std::string counts = to_string(exits_with_mm_) + " user tasks had an mm at task_exit, " +
                             to_string(exits_without_mm_) + " had none";
  if (exits_with_mm_ != exits_without_mm_) {
    return deduced(exits_with_mm_ > exits_without_mm_ ? exit_event::before : exit_event::after,
                   counts);
  }
  if (const auto version = version_of(kernel)) {
    if (version->series() >= std::pair{6, 18}) return deduced(exit_event::before, "the kernel");
    if (version->series() <= std::pair{6, 12}) return deduced(exit_event::after, "the kernel");
  }
  return {};
}

fact<bool> known_to_fail_open(const fact<std::string>& kernel) {
  const auto version = version_of(kernel);
  if (!version) return {};
  if (version->series() >= std::pair{7, 2}) {
    return deduced(false, "since 7.2 the check does not need the mm");
  }
  for (const door& one : doors) {
    if (version->series() != std::pair{one.major, one.minor} || !version->patch) continue;
    if (*version->patch >= one.closed_since) return deduced(false, "the kernel has the fix");
    if (*version->patch <= one.open_until) return deduced(true, "the kernel is before the fix");
  }
  return {};
}

machine_facts deduction::conclude(const stated_facts& stated) const {
  machine_facts facts;
  if (stated.kernel) {
    facts.kernel = given(*stated.kernel);
  } else if (prep_execs_ != 0) {
    facts.kernel.how = "unknown: 6.11 or later, there are prep_exec events";
  }
  facts.preempt_rt = stated.preempt_rt ? given(*stated.preempt_rt) : preempt_rt(facts.kernel);
  facts.task_exit = stated.task_exit ? given(*stated.task_exit) : task_exit(facts.kernel);
  facts.fails_open =
      stated.fails_open ? given(*stated.fails_open) : known_to_fail_open(facts.kernel);
  return facts;
}

}  // namespace trefoil::lab
