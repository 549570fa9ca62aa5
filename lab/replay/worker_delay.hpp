// SPDX-License-Identifier: Apache-2.0
// How long deferred drops waited for their workers on the recorded machine.
#ifndef TREFOIL_LAB_REPLAY_WORKER_DELAY_HPP
#define TREFOIL_LAB_REPLAY_WORKER_DELAY_HPP

#include "lab/recording/reader.hpp"

#include <cstdint>
#include <optional>

namespace trefoil::lab {

// Medians over what workers ended among the first two million events; empty: they ended nothing.
struct seen_delays {
  std::optional<std::int64_t> work_ns;  // kworkers, of OOM victims: since the last task_free
  std::optional<std::int64_t> rcu_ns;   // RCU callbacks, on PREEMPT_RT: since the last dead_drop
};
// Of a recording of which nothing has been read.
seen_delays delays_seen(recording_reader& recording);

}  // namespace trefoil::lab

#endif
