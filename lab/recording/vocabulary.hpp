// SPDX-License-Identifier: Apache-2.0
// The closed vocabularies of a recording: kinds of events, contexts, kinds of current tasks.
//
// The numbers are part of the file format (docs/recording.md): append, never reorder.
#ifndef TREFOIL_LAB_RECORDING_VOCABULARY_HPP
#define TREFOIL_LAB_RECORDING_VOCABULARY_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trefoil::lab {

enum class event_kind : std::uint8_t {
  mm_alloc,
  task_alloc,
  fork,
  prep_exec,
  exec,
  task_exit,
  exit_mm,
  files_free,
  exit_mmap,
  mm_free,
  dead_borrow,
  dead_drop,
  context_switch,  // "switch" is a word of the language
  sighand_free,
  rcu_put,
  task_free,
  oom,
};

inline constexpr std::array<std::string_view, 17> event_names{
    "mm_alloc", "task_alloc",   "fork",      "prep_exec", "exec",        "task_exit",
    "exit_mm",  "files_free",   "exit_mmap", "mm_free",   "dead_borrow", "dead_drop",
    "switch",   "sighand_free", "rcu_put",   "task_free", "oom"};

// Where the CPU was when the event fired.
enum class sampled_context : std::uint8_t { not_sampled, task, softirq, hardirq, unknown };

inline constexpr std::array<std::string_view, 5> context_names{"-", "task", "softirq", "hardirq",
                                                               "unknown"};

// What the current task was. An interrupt does not change the current task.
enum class actor : std::uint8_t {
  user,
  user_exiting,
  idle,
  kworker,
  ksoftirqd,
  rcu_kthread,
  kthread,
};

inline constexpr std::array<std::string_view, 7> actor_names{
    "user", "user-exiting", "idle", "kworker", "ksoftirqd", "rcu-kthread", "kthread"};

// The route of an mm_free that no tracepoint told of, but the switch to a task whose first act it had to be.
inline constexpr std::string_view deduced_route = "deduced (context-switch)";

constexpr std::string_view name_of(event_kind kind) { return event_names[std::size_t(kind)]; }
constexpr std::string_view name_of(sampled_context c) { return context_names[std::size_t(c)]; }
constexpr std::string_view name_of(actor a) { return actor_names[std::size_t(a)]; }

}  // namespace trefoil::lab

#endif
