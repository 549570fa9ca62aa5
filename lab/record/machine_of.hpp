// SPDX-License-Identifier: Apache-2.0
// What the running machine says about itself.
#ifndef TREFOIL_LAB_RECORD_MACHINE_OF_HPP
#define TREFOIL_LAB_RECORD_MACHINE_OF_HPP

#include "lab/recording/machine.hpp"
#include "lab/tsv/deduction.hpp"

namespace trefoil::lab {

class kernel_features;

bool is_preempt_rt();

// The events tell the rest.
machine_facts this_machine(const kernel_features& kernel, const deduction& events,
                           const std::string& source);

}  // namespace trefoil::lab

#endif
