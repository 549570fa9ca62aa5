// SPDX-License-Identifier: Apache-2.0
// The records of the programs in the kernel, for C++.
#ifndef TREFOIL_LAB_RECORD_BPF_TYPES_HPP
#define TREFOIL_LAB_RECORD_BPF_TYPES_HPP

#include <linux/types.h>
// after the types
#include "lab/record/bpf/raw_record.h"

namespace trefoil::lab {

using ::raw_cpu;
using ::raw_record;
using ::raw_record_with_stack;

}  // namespace trefoil::lab

#endif
