// SPDX-License-Identifier: Apache-2.0
#include "lab/record/machine_of.hpp"

#include "lab/record/kernel_features.hpp"

#include <sys/utsname.h>

namespace trefoil::lab {

kernel_name kernel_name::of_this_kernel() {
  utsname all{};
  ::uname(&all);
  return {all.release, all.version};
}

kernel_ways ways_of(const kernel_name& kernel) {
  const bool at_once = !kernel.is_preempt_rt();
  return {
      .frees_mms_in_switch = at_once, .frees_tasks_at_put = at_once, .counts_softirqs = at_once};
}

machine_facts machine_of(const kernel_name& name, const kernel_features& kernel,
                         const deduction& events, const std::string& source) {
  stated_facts stated;
  stated.kernel = name.release;
  stated.preempt_rt = name.is_preempt_rt();
  machine_facts facts = events.conclude(stated);
  facts.source = source;
  facts.kernel.how = facts.preempt_rt.how = "read: uname";
  // The fix keeps in the task what the check otherwise needs the mm for.
  if (kernel.has_field("task_struct", "user_dumpable")) {
    facts.fails_open = {false, "read: task_struct has user_dumpable"};
  }
  return facts;
}

}  // namespace trefoil::lab
