// SPDX-License-Identifier: Apache-2.0
// A bar on the status line, for work of which it is known how much there is.
#ifndef TREFOIL_TOOL_PROGRESS_HPP
#define TREFOIL_TOOL_PROGRESS_HPP

#include "tools/trefoil/status_line.hpp"

#include <string>

namespace trefoil::tool {

class progress {
 public:
  explicit progress(std::string what);

  void show(double done);  // 0 to 1

 private:
  std::string what_;
  status_line line_;
};

}  // namespace trefoil::tool

#endif
