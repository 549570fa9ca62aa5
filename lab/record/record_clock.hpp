// SPDX-License-Identifier: Apache-2.0
// The clock that the programs in the kernel date records by: the machine's CLOCK_MONOTONIC. In a time
// namespace that of a process is another.
#ifndef TREFOIL_LAB_RECORD_RECORD_CLOCK_HPP
#define TREFOIL_LAB_RECORD_RECORD_CLOCK_HPP

#include <cstdint>

namespace trefoil::lab {

class record_clock {
 public:
  record_clock();

  std::int64_t now_ns() const;

 private:
  std::int64_t offset_ns_ = 0;  // by which this process's clock is ahead
};

}  // namespace trefoil::lab

#endif
