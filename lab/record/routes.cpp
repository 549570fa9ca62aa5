// SPDX-License-Identifier: Apache-2.0
#include "lab/record/routes.hpp"

#include "lab/record/clues.hpp"

#include <algorithm>
#include <array>

namespace trefoil::lab {

namespace {

// __mmdrop and what it calls: some of it is on every stack of an end.
constexpr std::array<std::string_view, 5> end_itself{"__mmdrop", "kmem_cache_free", "free_percpu",
                                                     "percpu_counter_destroy",
                                                     "percpu_counter_destroy_many"};

constexpr std::array<std::string_view, 4> softirqs{"handle_softirqs", "__do_softirq", "do_softirq",
                                                   "run_ksoftirqd"};
constexpr std::array<std::string_view, 6> hardirqs{
    "__common_interrupt", "__sysvec_apic_timer_interrupt", "handle_irq_event",
    "el1_interrupt",      "generic_handle_domain_irq",     "__sysvec_call_function_single"};
constexpr std::array<std::string_view, 4> puts{"mmput", "__mmput", "mmput_async_fn", "exit_mm"};

// Empty: there is none.
std::string_view caller_of_the_end(std::span<const std::string_view> functions) {
  // Within it is the recorder's program, which has no name or that of the module before it.
  const auto end = std::find_first_of(functions.rbegin(), functions.rend(), end_itself.begin(),
                                      end_itself.end());
  return end == functions.rend() || end == functions.rbegin() ? std::string_view() : *(end - 1);
}

}  // namespace

route route_of(std::span<const std::string_view> functions) {
  route found;
  const bool known = std::any_of(functions.begin(), functions.end(),
                                 [](std::string_view name) { return !name.empty(); });
  if (!known) return found;
  // What an interrupt came upon has nothing to do with it.
  const auto is_one_of = [](const auto& all) {
    return [&all](std::string_view name) {
      return std::find(all.begin(), all.end(), name) != all.end();
    };
  };
  const auto soft = std::find_if(functions.begin(), functions.end(), is_one_of(softirqs));
  const auto hard = std::find_if(functions.begin(), functions.end(), is_one_of(hardirqs));
  const auto entry = std::min(soft, hard);
  found.context = entry == functions.end() ? sampled_context::task
                  : soft < hard            ? sampled_context::softirq
                                           : sampled_context::hardirq;
  functions = {functions.begin(), entry};
  // An interrupt may end in the scheduler: what happens there is the task's doing.
  if (std::find(functions.begin(), functions.end(), "finish_task_switch") != functions.end()) {
    found.context = sampled_context::task;
  }

  const auto has = [&](std::string_view wanted) {
    return std::find(functions.begin(), functions.end(), wanted) != functions.end();
  };
  // The innermost tells: a task that exits closes files, a file's release may run in a worker or put a
  // user's reference, and whoever is preempted may end in the scheduler.
  bool users = false;
  for (const std::string_view function : functions) {
    users = is_one_of(puts)(function);
    if (users) break;
    const auto telling = std::find_if(clues.begin(), clues.end(),
                                      [&](const clue& one) { return one.function == function; });
    if (telling == clues.end()) continue;
    found.name = telling->name;
    found.holder = telling->holder;
    return found;
  }
  const std::string_view caller = caller_of_the_end(functions);
  for (const clue& one : jumps) {
    if (one.function != caller) continue;
    found.name = one.name;
    found.holder = one.holder;
    return found;
  }
  // What the compiler has put into its caller is not on the stack. A task that exits, and not by way of
  // what it left for later, puts its own mm.
  users = users || (has("do_exit") && !has("task_work_run")) || has("begin_new_exec");
  for (const road& one : roads) {
    if (!has(one.function)) continue;
    found.name = users ? one.with_users : one.without;
    break;
  }
  if (users) found.holder = of_the_users;
  return found;
}

}  // namespace trefoil::lab
