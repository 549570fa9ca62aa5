// SPDX-License-Identifier: Apache-2.0
// The program that is recorded: made before the recording begins, let go once it has begun, so that
// all of its life is in it.
#ifndef TREFOIL_LAB_RECORD_COMMAND_HPP
#define TREFOIL_LAB_RECORD_COMMAND_HPP

#include "lab/descriptor.hpp"
#include "lab/record/children.hpp"
#include "lab/record/privileges.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace trefoil::lab {

class command {
 public:
  // The child waits; it has the tool's own privileges, or those of `on_behalf_of`, and signals as this
  // process had them when it was started.
  command(children& ours, const std::vector<std::string>& words,
          const std::optional<sudo_user>& on_behalf_of, bool to_stderr);
  // A child that was never let go ends without having been the program.
  ~command();
  command(const command&) = delete;
  command& operator=(const command&) = delete;

  // Throws if the program cannot be started.
  void let_go();

  // The exit status as a shell tells it, once it has ended.
  std::optional<int> status() const noexcept { return children_.status(); }
  bool ends_within(std::chrono::milliseconds patience) const;

  void send(int signal) const;

  pid_t pid() const noexcept { return child_; }

 private:
  children& children_;
  std::string name_;
  pid_t child_ = -1;
  descriptor gate_{-1};  // until it is let go
  descriptor complaint_{-1};
};

}  // namespace trefoil::lab

#endif
