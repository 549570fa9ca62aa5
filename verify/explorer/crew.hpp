// SPDX-License-Identifier: Apache-2.0
/// @file
/// Explores programs in several processes: an execution is one real thread's, and what a broken
/// program does to its process must not end the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "verify/explorer/program.hpp"

namespace trefoil::explorer {

/// explore() for each, in `jobs` processes; `done` is told of each as it ends, without its trace.
/// A process that dies is a violation of the program that it was at.
void explore_all(const std::vector<program>& programs, std::uint64_t most, unsigned jobs,
                 const std::function<void(std::size_t which, const outcome&)>& done);

}  // namespace trefoil::explorer
