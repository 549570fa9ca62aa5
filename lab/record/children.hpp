// SPDX-License-Identifier: Apache-2.0
// Whoever is a child of this process: the command; orphans, where this is process 1 of a PID namespace or a
// subreaper; children of the command that asked for its parent to be theirs (CLONE_PARENT).
#ifndef TREFOIL_LAB_RECORD_CHILDREN_HPP
#define TREFOIL_LAB_RECORD_CHILDREN_HPP

#include <optional>
#include <string>
#include <sys/types.h>

namespace trefoil::lab {

// fork(); throws one line if there is no process to be had.
pid_t fork_for(const std::string& whom);

// While it lives, every child is reaped the moment it ends, whatever this process is about: a zombie is a
// task that has not been freed, so to let it wait would be in the recording. Done by a handler of SIGCHLD:
// it takes no thread, which there may be none for. One at a time in a process.
class children {
 public:
  // Those that have ended before are reaped at once.
  children();
  ~children();
  children(const children&) = delete;
  children& operator=(const children&) = delete;

  // How that one ends is kept. Called before its end can be noticed: with signals blocked since its fork.
  void keep(pid_t one) noexcept;
  // Of the one that is kept, as a shell tells it, once it has ended.
  std::optional<int> status() const noexcept;
};

}  // namespace trefoil::lab

#endif
