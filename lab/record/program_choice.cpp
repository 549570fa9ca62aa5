// SPDX-License-Identifier: Apache-2.0
#include "lab/record/program_choice.hpp"

#include "lab/record/kernel_features.hpp"

#include <algorithm>
#include <array>

namespace trefoil::lab {

namespace {

struct need {
  std::string_view tracepoint;
  std::string_view lost;
};
constexpr std::array needs{
    need{"sched_process_fork", "forks"},
    need{"sched_process_exec", "execs"},
    need{"sched_prepare_exec", "prep_exec (the births of programs are told late)"},
    need{"sched_process_exit", "task_exit, files_free"},
    need{"sched_process_free", "rcu_put, task_free"},
    need{"sched_switch", "dead_borrow, dead_drop, counts of lazy CPUs"},
    need{"mmap_lock_released", "exit_mm"},
    need{"exit_mmap", "exit_mmap (so a replay has no truth to check; mm_free by the slab's)"},
    need{"mark_victim", "oom"},
    need{"workqueue_queue_work", "task_free of OOM victims that others hold longest"},
    need{"signal_generate", "files_free as early as it might be"},
    need{"task_newtask", "task_alloc of io_uring's, vhost's and KVM's threads"},
    need{"percpu_alloc_percpu", "when an mm is allocated (told at its first holder)"},
    need{"percpu_free_percpu", "mm_free by anything but the slab's, which costs more"},
    need{"kmem_cache_free", "mm_free, files_free, sighand_free"},
};

// Whose programs read the preempt count.
constexpr std::array<std::string_view, 2> ends{"percpu_free_percpu", "kmem_cache_free"};

}  // namespace

std::vector<std::string_view> watched_tracepoints() {
  std::vector<std::string_view> names;
  names.reserve(needs.size());
  for (const need& one : needs) names.push_back(one.tracepoint);
  return names;
}

std::string reason_in(std::string_view log) {
  while (!log.empty()) {
    log = log.substr(0, log.find_last_not_of('\n') + 1);
    const std::size_t begin = log.rfind('\n') + 1;  // 0 where there is none
    const std::string_view line = log.substr(begin);
    if (!line.starts_with("processed ")) return std::string(line);
    log = log.substr(0, begin);
  }
  return "no reason given";
}

const refusal* program_choice::refusal_of(std::string_view tracepoint) const {
  const auto found = std::find_if(refused_.begin(), refused_.end(),
                                  [&](const refusal& one) { return one.tracepoint == tracepoint; });
  return found == refused_.end() ? nullptr : &*found;
}

void program_choice::refuse(refusal one) {
  const bool reads_count =
      one.tracepoint.empty() || std::find(ends.begin(), ends.end(), one.tracepoint) != ends.end();
  if (reads_count && options_.preempt_count != preempt_count_in::nowhere) {
    options_.preempt_count = preempt_count_in::nowhere;
    no_count_ = one.reason.empty() ? "its types do not tell of it" : one.reason;
  } else {
    refused_.push_back(std::move(one));
  }
}

bool program_choice::exists(std::string_view tracepoint) const {
  const auto& left_out = options_.leave_out;
  if (std::find(left_out.begin(), left_out.end(), tracepoint) != left_out.end()) return false;
  if (!kernel_->has_tracepoint(std::string(tracepoint))) return false;
  // Before Linux 6.9 it tells the pid alone.
  return tracepoint != "mark_victim" || kernel_->tracepoint_takes("mark_victim", 0, "task_struct");
}

bool program_choice::offered(std::string_view tracepoint) const {
  return exists(tracepoint) && refusal_of(tracepoint) == nullptr;
}

// Whose counters they are is learned when its mappings go.
bool program_choice::by_counters() const {
  return kernel_->mm_has_counters() && offered("percpu_free_percpu") && offered("exit_mmap");
}

bool program_choice::watches_slab() const { return options_.slab || !by_counters(); }

bool program_choice::free_tells_cache() const {
  return kernel_->tracepoint_takes("kmem_cache_free", 2, "kmem_cache");
}

// The type came with them, in Linux 6.4.
bool program_choice::has_user_workers() const { return kernel_->has_structure("vhost_task"); }

bool program_choice::wanted(std::string_view tracepoint) const {
  if (tracepoint.starts_with("kmem_cache_")) return watches_slab();
  if (tracepoint.starts_with("percpu_")) return by_counters();
  if (tracepoint == "workqueue_queue_work") return offered("mark_victim");
  return true;
}

bool program_choice::hopeless() const {
  return refusal_of("sched_process_fork") != nullptr && refusal_of("sched_process_exec") != nullptr;
}

std::vector<std::string> program_choice::missing() const {
  std::vector<std::string> lines;
  for (const need& one : needs) {
    const refusal* const refused = refusal_of(one.tracepoint);
    const bool of_counters = one.tracepoint.starts_with("percpu_") && kernel_->mm_has_counters();
    if ((!wanted(one.tracepoint) && !of_counters) || offered(one.tracepoint)) continue;
    lines.push_back((refused == nullptr
                         ? "no tracepoint " + std::string(one.tracepoint) + " here"
                         : "this kernel refuses the program for " + refused->tracepoint + " (" +
                               refused->reason + "; please report it)") +
                    ", so not recorded: " + std::string(one.lost));
  }
  if (!watches_slab()) {
    lines.emplace_back(
        "sighand_free is not recorded, files_free when a task is gone: --slab has both, "
        "and costs more");
  }
  if (options_.preempt_count == preempt_count_in::nowhere) {
    lines.push_back("the preempt count cannot be read here (" +
                    (no_count_.empty() ? "it takes CONFIG_KALLSYMS_ALL" : no_count_) +
                    "): contexts are told from stacks");
  }
  return lines;
}

}  // namespace trefoil::lab
