// SPDX-License-Identifier: Apache-2.0
// The programs in the kernel: loaded, attached, read and detached. Only loading and attaching need
// privileges; whoever has the object may drop them.
#ifndef TREFOIL_LAB_RECORD_BPF_PROGRAMS_HPP
#define TREFOIL_LAB_RECORD_BPF_PROGRAMS_HPP

#include "lab/record/bpf_types.hpp"
#include "lab/record/program_choice.hpp"
#include "lab/record/program_figures.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace trefoil::lab {

// How many records they were that had no room.
inline std::int64_t lost_on(std::span<const raw_cpu> cpus) {
  std::int64_t all = 0;
  for (const raw_cpu& one : cpus) all += static_cast<std::int64_t>(one.lost);
  return all;
}

class bpf_programs {
 public:
  using sink = std::function<void(const raw_record&, std::span<const std::uint64_t> stack)>;

  // Loads. What this kernel does not have or does not accept is left out, see missing(). Throws one line
  // that says what to do if nothing can be loaded.
  bpf_programs(const kernel_features& kernel, const program_options& options);
  ~bpf_programs();
  bpf_programs(const bpf_programs&) = delete;
  bpf_programs& operator=(const bpf_programs&) = delete;

  // One line each: what will not be in the recording, and why.
  const std::vector<std::string>& missing() const noexcept { return missing_; }
  bool has(const std::string& tracepoint) const;

  void attach();
  void detach();

  // Gives what has come since to the sink; how many records.
  std::int64_t consume(const sink& to);

  std::vector<program_figures> programs() const;
  std::span<const raw_cpu> cpus() const;                 // of the CPUs that this machine can have
  std::int64_t lost() const { return lost_on(cpus()); }  // records for which the ring had no room

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
  std::vector<std::string> missing_;
};

}  // namespace trefoil::lab

#endif
