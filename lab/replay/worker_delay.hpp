// SPDX-License-Identifier: Apache-2.0
// How long a deferred drop waited for its worker on the recorded machine.
#ifndef TREFOIL_LAB_REPLAY_WORKER_DELAY_HPP
#define TREFOIL_LAB_REPLAY_WORKER_DELAY_HPP

#include <cstdint>
#include <optional>
#include <string>

namespace trefoil::lab {

// The median, over the ends that a worker brought about, of the time since the last holder that can
// be seen let go; of the first two million events. Empty: no worker ended an address space there.
std::optional<std::int64_t> worker_delay_ns(const std::string& path, bool preempt_rt);

}  // namespace trefoil::lab

#endif
