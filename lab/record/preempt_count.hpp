// SPDX-License-Identifier: Apache-2.0
#ifndef TREFOIL_LAB_RECORD_PREEMPT_COUNT_HPP
#define TREFOIL_LAB_RECORD_PREEMPT_COUNT_HPP

#include <cstdint>

namespace trefoil::lab {

// Where programs can read this kernel's preempt count: see bpf/preempt_count.bpf.h.
enum class preempt_count_in : std::uint8_t { nowhere, own_variable, pcpu_hot };

}  // namespace trefoil::lab

#endif
