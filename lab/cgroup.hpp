// SPDX-License-Identifier: Apache-2.0
// Where this process's control groups are: version 2 has one tree for all controllers, version 1 one for
// each; a container may see a part of either.
#ifndef TREFOIL_LAB_CGROUP_HPP
#define TREFOIL_LAB_CGROUP_HPP

#include <string>
#include <vector>

namespace trefoil::lab {

struct cgroup_folders {
  int version = 0;  // 0: none that can be seen
  std::vector<std::string>
      path;  // this process's own first, then those above it, as far as they are seen
};

// Of "memory" or "pids". `process`: its folder in /proc; `files`: what all of its paths are below.
cgroup_folders cgroups_of(const std::string& controller, const std::string& process = "/proc/self",
                          const std::string& files = "");

}  // namespace trefoil::lab

#endif
