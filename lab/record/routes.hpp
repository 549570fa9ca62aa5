// SPDX-License-Identifier: Apache-2.0
// Who let go of an address space, and in which context, from the functions on the kernel's stack.
#ifndef TREFOIL_LAB_RECORD_ROUTES_HPP
#define TREFOIL_LAB_RECORD_ROUTES_HPP

#include "lab/record/clues.hpp"
#include "lab/recording/vocabulary.hpp"

#include <span>
#include <string_view>

namespace trefoil::lab {

struct route {
  std::string_view name;    // as in the dictionary of routes; empty: not known
  std::string_view holder;  // whose reference it was; empty: the stack does not tell
  sampled_context context = sampled_context::unknown;
};

// Innermost first. An empty name is a function that is not known; no function at all: nothing is.
route route_of(std::span<const std::string_view> functions);

// Where the program in the kernel knew without a stack.
inline constexpr route by_context_switch{"context-switch", "lazy TLB", sampled_context::task};
// Nobody told: the next task had to drop the last reference. See the route's name in vocabulary.hpp.
inline constexpr route by_deduction{deduced_route, "lazy TLB", sampled_context::task};
inline constexpr route by_exit{"do_exit (mmput)", of_the_users, sampled_context::task};
inline constexpr route by_exec{"exec (mmput)", of_the_users, sampled_context::task};

}  // namespace trefoil::lab

#endif
