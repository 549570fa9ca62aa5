// SPDX-License-Identifier: Apache-2.0
/// @file
/// Takes the optimiser's knowledge of what a variable holds, so that each turn of a loop reads it as a
/// program would that was handed the reference.
#pragma once

namespace bench {

template <class Reference>
inline void forget(Reference& r) {
  asm volatile("" : : "r"(&r) : "memory");
}

}  // namespace bench
