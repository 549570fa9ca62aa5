// SPDX-License-Identifier: Apache-2.0
// What a recording says about the machine it was made on: the facts that decide how its events are
// to be read. Each says how it is known; what is not known is empty, never guessed.
#ifndef TREFOIL_LAB_RECORDING_MACHINE_HPP
#define TREFOIL_LAB_RECORDING_MACHINE_HPP

#include <cstdint>
#include <optional>
#include <string>

namespace trefoil::lab {

template <class T>
struct fact {
  std::optional<T> value;
  std::string how = "unknown";  // "given", "deduced: ...", "assumed: ...", "unknown"
};

// Where sched_process_exit, the event task_exit, fires: before or after exit_mm.
enum class exit_event { before, after };

struct machine_facts {
  std::string source;  // what the recording was made from
  fact<std::string> kernel;
  fact<bool> preempt_rt;
  fact<exit_event> task_exit;
  fact<bool> fails_open;  // the ptrace access check lets through whoever finds no mm
  std::optional<std::int64_t> lost_events;  // what the recorder says it lost; empty: it did not say
};

}  // namespace trefoil::lab

#endif
