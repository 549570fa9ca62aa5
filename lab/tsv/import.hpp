// SPDX-License-Identifier: Apache-2.0
// From the text form of a recording to the file that the lab works on.
#ifndef TREFOIL_LAB_TSV_IMPORT_HPP
#define TREFOIL_LAB_TSV_IMPORT_HPP

#include "lab/recording/machine.hpp"
#include "lab/recording/new_file.hpp"
#include "lab/tsv/deduction.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace trefoil::lab {

struct import_options {
  stated_facts stated;
  // The recording so many times, one after the other: a segment each, with ids and times of its
  // own. What is alive at the end of a segment outlives it.
  std::int64_t repeat = 1;
  // Called now and then with the part of the work that is done (0 to 1). False: stop.
  std::function<bool(double)> go_on;
  if_there existing = if_there::replace;
};

struct imported {
  std::int64_t events = 0;
  machine_facts machine;
};

// Throws `error`; then nothing has been written.
imported import_tsv(const std::string& from, const std::string& to, const import_options& options);

}  // namespace trefoil::lab

#endif
