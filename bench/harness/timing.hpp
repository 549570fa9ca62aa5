// SPDX-License-Identifier: Apache-2.0
/// @file
/// How long an operation takes.
#pragma once

#include <cstddef>
#include <optional>

#include "operation.hpp"

/// The place where instructions are counted: a name of its own, and never a jump to what it calls.
extern "C" void bench_measured(void (*run)(std::size_t), std::size_t count);

namespace bench {

/// Runs that did not show what they were meant to show, before one gives up.
inline constexpr int too_many_refused = 10'000;

/// Time for all operations of one batch; empty if the run was not valid.
std::optional<nanoseconds> time_batch(const operation& op, std::size_t count);

/// Time per operation in a slice of some milliseconds: the median of its batches, so that a batch in
/// which something else had the CPU does not count. The slices of two operations that are compared
/// take turns, so that what disturbs this machine for longer than a slice disturbs both. Empty: not
/// one of too many runs was valid.
std::optional<nanoseconds> time_slice(const operation& op);

}  // namespace bench
