// SPDX-License-Identifier: Apache-2.0
#include "lab/record/machine_of.hpp"

#include "lab/record/kernel_features.hpp"

#include <string_view>
#include <sys/utsname.h>

namespace trefoil::lab {

namespace {

utsname name_of_kernel() {
  utsname all{};
  ::uname(&all);
  return all;
}

}  // namespace

bool is_preempt_rt() {
  const utsname kernel = name_of_kernel();
  return std::string_view(kernel.version).find("PREEMPT_RT") != std::string_view::npos;
}

machine_facts this_machine(const kernel_features& kernel, const deduction& events,
                           const std::string& source) {
  stated_facts stated;
  stated.kernel = name_of_kernel().release;
  stated.preempt_rt = is_preempt_rt();
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
