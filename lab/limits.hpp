// SPDX-License-Identifier: Apache-2.0
// What this process may have of memory and of tasks, and which limit it is that leaves it the least.
#ifndef TREFOIL_LAB_LIMITS_HPP
#define TREFOIL_LAB_LIMITS_HPP

#include "lab/cgroup.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trefoil::lab {

struct limit {
  std::string name;  // as a person finds it: "ulimit -v", "memory.max of /sys/fs/cgroup/x"
  std::uint64_t most = 0;
  std::uint64_t used = 0;

  std::uint64_t room() const noexcept { return most > used ? most - used : 0; }
};

// Which of them leaves least; none: nothing is limited.
std::optional<limit> tightest(const std::vector<limit>& some);

// In bytes, of a memory cgroup and those above it; what the kernel would take back by itself is not used.
// What is above a container's own is not seen in it.
std::vector<limit> cgroup_memory_limits(const cgroup_folders& folders);
// Processes and threads together.
std::vector<limit> cgroup_task_limits(const cgroup_folders& folders);

// All that holds for this process.
std::vector<limit> memory_limits();
std::vector<limit> task_limits();

// "12 MiB", or KiB if it is little.
std::string in_words(std::uint64_t bytes);

// After the system's own words for ENOMEM, EAGAIN (no process, no thread), EMFILE, ENFILE: which limit it
// may have been, as it is by now: "; ulimit -v is 64 MiB, of which 12 MiB are used". Nothing where none is
// low (in a container those above its own group are not seen). After those of files that cannot grow: what
// helps. Nothing after others.
std::string limit_hint(int code);
// That of ENOMEM, while there is memory: for whoever will have none to make it.
std::string memory_hint();

// False: this process began with so little memory that it could not say that it has none.
bool can_say_why() noexcept;

// What memory cgroups and the machine still give: who takes more is killed, and can say nothing any more.
// (Other limits are told by whoever meets them.)
std::optional<limit> deadly_memory_limit();
// Throws one line where there is less.
void require_memory(const std::string& whom, std::uint64_t bytes);

}  // namespace trefoil::lab

#endif
