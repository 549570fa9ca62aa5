// SPDX-License-Identifier: Apache-2.0
// Facts about the machine that its events give away, for those that nobody stated.
#ifndef TREFOIL_LAB_TSV_DEDUCTION_HPP
#define TREFOIL_LAB_TSV_DEDUCTION_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/machine.hpp"
#include "lab/recording/names.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trefoil::lab {

// What the user says; it is believed.
struct stated_facts {
  std::optional<std::string> kernel;
  std::optional<bool> preempt_rt;
  std::optional<exit_event> task_exit;
  std::optional<bool> fails_open;
};

class deduction {
 public:
  explicit deduction(const names& all) : names_(&all) {}

  void observe(const event& e);
  machine_facts conclude(const stated_facts& stated) const;

 private:
  enum class drop : std::uint8_t { other, scheduler_tail, rcu_callback };
  drop dropped_by(route_id route);

  fact<bool> preempt_rt(const fact<std::string>& kernel) const;
  fact<exit_event> task_exit(const fact<std::string>& kernel) const;

  const names* names_;
  std::vector<drop> routes_;  // by route, so that each text is looked at once
  std::int64_t tail_drops_ = 0;
  std::int64_t rcu_drops_ = 0;
  std::int64_t exits_with_mm_ = 0;
  std::int64_t exits_without_mm_ = 0;
  std::int64_t prep_execs_ = 0;
};

// Whether a kernel of this name ("6.12.43", "6.1.192-amd64") lets ptrace's access check pass where
// the mm is gone; as far as it is known.
fact<bool> known_to_fail_open(const fact<std::string>& kernel);

}  // namespace trefoil::lab

#endif
