// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the tracer and the allocations that are loaded into the program (allocations.cpp) tell each
/// other, in memory that both have.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace faults {

struct shared_counts {
  static constexpr std::size_t most_places = std::size_t{1} << 20;
  static constexpr const char* variable = "TREFOIL_FAULTS";  ///< names the file with this

  std::atomic<std::uint64_t> begun{0};  ///< main() has been reached: before, nothing can be said
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::int64_t> live{0};  ///< blocks not given back
  std::uint64_t fail = 0;             ///< the number of the one that fails; 0: none
  std::uint64_t note_places = 0;      ///< whether to write the next
  std::uint64_t places[most_places];  ///< of each allocation, from where it was called
};

}  // namespace faults
