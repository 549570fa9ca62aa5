// SPDX-License-Identifier: Apache-2.0
#ifndef TREFOIL_LAB_RECORD_PREEMPT_COUNT_HPP
#define TREFOIL_LAB_RECORD_PREEMPT_COUNT_HPP

#include <cstdint>

namespace trefoil::lab {

// Where programs can read this kernel's preempt count: see bpf/preempt_count.bpf.h.
enum class preempt_count_in : std::uint8_t { nowhere, own_variable, pcpu_hot };

// Its bits (linux/preempt.h): a softirq is handled; an interrupt or an NMI is. Since Linux 7.3 those of the
// latter are further up, as the count has one more part: who has disabled interrupts.
inline constexpr std::int64_t in_softirq = 0x100;
inline constexpr std::int64_t in_hardirq = 0xff0000;
inline constexpr std::int64_t in_hardirq_above_disables = 0x7f000000;

}  // namespace trefoil::lab

#endif
