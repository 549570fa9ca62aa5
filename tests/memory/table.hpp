// SPDX-License-Identifier: Apache-2.0
// All shapes by their names.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "meter.hpp"

namespace memory {

struct shape {
  std::string name;
  bool quick = false;    // one of those that run always
  double seconds = 0.5;  // for how long, if it goes on for a while
  std::function<void(meter&)> run;
};

std::vector<shape> shapes_of_trefoil();
std::vector<shape> shapes_of_make_shared();

}  // namespace memory
