// SPDX-License-Identifier: Apache-2.0
// Which of the programs in the kernel are loaded on this one, and what is not recorded without the rest.
#ifndef TREFOIL_LAB_RECORD_PROGRAM_CHOICE_HPP
#define TREFOIL_LAB_RECORD_PROGRAM_CHOICE_HPP

#include "lab/record/preempt_count.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trefoil::lab {

class kernel_features;

struct program_options {
  std::vector<std::string> leave_out{};  // tracepoints to do without, as if the kernel had none
  bool slab = false;  // also the slab allocator's: exact ends of files and sighands
  preempt_count_in preempt_count = preempt_count_in::nowhere;
  std::uint32_t ring_bytes = 0;  // a power of two; 0: as many as the programs ask for
};

// A program that the kernel does not accept.
struct refusal {
  std::string tracepoint;
  std::string reason;
};

// The end of what the verifier says, without its statistics.
std::string reason_in(std::string_view verifier_log);

// All that there are programs for.
std::vector<std::string_view> watched_tracepoints();

class program_choice {
 public:
  // The kernel has to outlive it.
  program_choice(const kernel_features& kernel, program_options options)
      : kernel_(&kernel), options_(std::move(options)) {}

  bool loads(std::string_view tracepoint) const {
    return wanted(tracepoint) && offered(tracepoint);
  }
  preempt_count_in preempt_count() const noexcept { return options_.preempt_count; }

  // What the programs are told: see the constants of the same names in bpf/.
  bool by_counters() const;
  bool has_prepare_exec() const { return offered("sched_prepare_exec"); }
  bool free_tells_cache() const;
  bool has_user_workers() const;

  // From here on it does without: first without the preempt count where that may be the reason, then
  // without the tracepoint. An empty refusal is of no program, but of all that is loaded with them.
  void refuse(refusal one);
  const std::vector<refusal>& refused() const noexcept { return refused_; }
  // The kernel refuses what nothing can be recorded without.
  bool hopeless() const;

  // One line each.
  std::vector<std::string> missing() const;

 private:
  bool exists(std::string_view tracepoint) const;
  bool offered(std::string_view tracepoint) const;  // it exists, and the kernel takes the program
  bool wanted(std::string_view tracepoint) const;
  bool watches_slab() const;
  const refusal* refusal_of(std::string_view tracepoint) const;  // null: it has not refused it

  const kernel_features* kernel_;
  program_options options_;
  std::vector<refusal> refused_;
  std::string no_count_;  // why it is done without the preempt count; empty: the kernel shows none
};

}  // namespace trefoil::lab

#endif
