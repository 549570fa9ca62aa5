// SPDX-License-Identifier: Apache-2.0
// One line on stderr that is written over and over, if that is a terminal; else nothing. It is wiped when
// the work ends.
#ifndef TREFOIL_TOOL_STATUS_LINE_HPP
#define TREFOIL_TOOL_STATUS_LINE_HPP

#include <chrono>
#include <string_view>

namespace trefoil::tool {

class status_line {
 public:
  status_line();
  ~status_line();
  status_line(const status_line&) = delete;
  status_line& operator=(const status_line&) = delete;

  // Time for another one. What is over soon shows none, and showing must not cost time.
  bool due() const { return terminal_ && clock::now() >= next_; }
  void show(std::string_view text);
  void wipe();

 private:
  using clock = std::chrono::steady_clock;

  bool terminal_;
  bool shown_ = false;
  clock::time_point next_;
};

}  // namespace trefoil::tool

#endif
