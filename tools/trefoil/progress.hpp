// SPDX-License-Identifier: Apache-2.0
// A bar on stderr, if that is a terminal; else nothing. It is wiped when the work ends.
#ifndef TREFOIL_TOOL_PROGRESS_HPP
#define TREFOIL_TOOL_PROGRESS_HPP

#include <chrono>
#include <string>

namespace trefoil::tool {

class progress {
 public:
  explicit progress(std::string what);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void show(double done);  // 0 to 1

 private:
  using clock = std::chrono::steady_clock;

  std::string what_;
  bool terminal_;
  bool shown_ = false;
  clock::time_point next_;  // not before: a bar must not cost time
};

}  // namespace trefoil::tool

#endif
