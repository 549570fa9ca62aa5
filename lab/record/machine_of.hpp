// SPDX-License-Identifier: Apache-2.0
// What the running kernel says about itself, and how it differs from others.
#ifndef TREFOIL_LAB_RECORD_MACHINE_OF_HPP
#define TREFOIL_LAB_RECORD_MACHINE_OF_HPP

#include "lab/recording/machine.hpp"
#include "lab/tsv/deduction.hpp"

#include <string>

namespace trefoil::lab {

class kernel_features;

// As uname has them.
struct kernel_name {
  std::string release;
  std::string version;  // says PREEMPT_RT where it is one

  static kernel_name of_this_kernel();
  bool is_preempt_rt() const { return version.find("PREEMPT_RT") != std::string::npos; }
};

// What becomes of it on PREEMPT_RT: its scheduler leaves mms to RCU callbacks, which put tasks that are
// freed later, and softirqs are threads, or parts of other threads, that the preempt count does not tell.
struct kernel_ways {
  bool frees_mms_in_switch;
  bool frees_tasks_at_put;
  bool counts_softirqs;
};
kernel_ways ways_of(const kernel_name& kernel);

// The events tell the rest.
machine_facts machine_of(const kernel_name& name, const kernel_features& kernel,
                         const deduction& events, const std::string& source);

}  // namespace trefoil::lab

#endif
