// SPDX-License-Identifier: Apache-2.0
/// @file
/// Runs a program, lets one of its system calls or allocations fail, and tells how it ended.
#pragma once

#include "shared_counts.hpp"
#include "system_calls.hpp"

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace faults {

struct trial {
  std::vector<char*> command;     ///< ends with a null pointer
  std::string allocations;        ///< the shared object that is loaded; empty: none
  std::uint64_t system_call = 0;  ///< the number of the one that fails; 0: none
  std::size_t way = 0;            ///< how: its ways in turn; calls that have fewer are not counted
  unsigned seconds = 20;          ///< longer is a hang
  bool list = false;              ///< all calls are wanted
};

struct seen_call {
  std::string name;
  std::vector<way> ways;
  std::uint64_t first_argument = 0;
  std::uint64_t place = 0;  ///< from where it was called
};

struct outcome {
  std::optional<int> status;
  std::optional<int> signal;
  bool hung = false;
  std::vector<std::uint64_t> system_calls;  ///< how many there were, for each way
  std::optional<seen_call> failed;
  std::vector<seen_call> listed;
  std::vector<std::string> left_open;  ///< beyond the standard three, when it ended
  std::vector<pid_t> left_running;
};

/// Traces the program's own threads and the processes that it forks, until these become other programs.
class tracer {
 public:
  tracer(const trial& what, shared_counts& shared);
  outcome run();

 private:
  struct tracee {
    bool new_one = true;  ///< its first stop is for us
    std::optional<way> pending;
    std::uint64_t first = 0;  ///< its first and third argument, as it was made
    std::uint64_t third = 0;
  };

  void start();
  void run_to_its_entry();
  void stopped(pid_t who, int status);
  void system_call_stop(pid_t who, tracee& it);
  void begins(pid_t who, tracee& it);
  void ends(pid_t who, tracee& it);
  void go_on(pid_t who, const tracee& it, int signal);
  void note_open_files();
  void kill_what_is_left();
  std::uint64_t place_of(std::uint64_t instruction, std::uint64_t stack);

  const trial& what_;
  shared_counts& shared_;
  pid_t main_ = 0;
  bool done_ = false;  // the failure has been
  std::map<pid_t, tracee> tracees_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> code_;
  outcome result_;
};

}  // namespace faults
