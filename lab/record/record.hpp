// SPDX-License-Identifier: Apache-2.0
// Records what happens to the address spaces of this machine, all of them, into a file.
#ifndef TREFOIL_LAB_RECORD_RECORD_HPP
#define TREFOIL_LAB_RECORD_RECORD_HPP

#include "lab/recording/machine.hpp"
#include "lab/recording/recorder_tables.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace trefoil::lab {

struct record_progress {
  double seconds = 0;
  std::int64_t records = 0;
  double records_per_second = 0;
  std::int64_t lost = 0;
};

struct stop_request {
  int signal = 0;  // the last; 0: go on
  int times = 0;
  bool from_terminal = false;  // so the command has it, too
};

struct record_options {
  std::string file;
  std::optional<double> seconds;       // none: until the command has ended, or until told to stop
  std::vector<std::string> command;    // empty: whatever the machine does by itself
  std::vector<std::string> leave_out;  // tracepoints to do without
  bool slab = false;
  bool command_to_stderr = false;  // what it writes to its stdout
  // Asked many times a second. Once more than once: no patience with the command.
  std::function<stop_request(const record_progress&)> stop;
  std::function<void(const std::string&)> say;  // one line for people
};

struct record_result {
  std::int64_t events = 0;
  recorder_facts facts;
  machine_facts machine;
  std::string older;  // what the file that was there is called now; empty: there was none
  std::optional<int> command_status;  // none: it was not over when the recording ended
};

// Throws one line that says what to do if it may not or cannot.
record_result record(const record_options& options);

}  // namespace trefoil::lab

#endif
