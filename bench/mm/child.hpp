// SPDX-License-Identifier: Apache-2.0
/// @file
/// A forked child that waits until it is told to go on, and whose end tells whether all was well.
#pragma once

#include <utility>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "size.hpp"

namespace bench {

/// One byte from one process to another, once. Made before the fork.
class signal_pipe {
 public:
  signal_pipe() { must(::pipe(ends_) == 0, "pipe"); }
  ~signal_pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  signal_pipe(const signal_pipe&) = delete;
  signal_pipe& operator=(const signal_pipe&) = delete;

  void send() const noexcept {
    const char byte = 1;
    must(::write(ends_[1], &byte, 1) == 1, "a pipe cannot be written");
  }
  void wait() const noexcept {
    char byte = 0;
    must(::read(ends_[0], &byte, 1) == 1, "a pipe cannot be read");
  }

 private:
  int ends_[2] = {-1, -1};
};

/// What a child says with its status.
enum class verdict : int { right = 0, wrong = 1 };

/// Waits for the end of a child; true: it found everything right.
[[nodiscard]] inline bool ends_right(pid_t child) noexcept {
  int status = 0;
  must(::waitpid(child, &status, 0) == child, "waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(verdict::right);
}

}  // namespace bench
