// SPDX-License-Identifier: Apache-2.0
// Why the system did not do something, in its own words, and what helps.
#ifndef TREFOIL_LAB_SYSTEM_REASON_HPP
#define TREFOIL_LAB_SYSTEM_REASON_HPP

#include "lab/limits.hpp"

#include <string>
#include <system_error>

namespace trefoil::lab {

// Of an errno.
inline std::string system_reason(int code) {
  return std::generic_category().message(code) + limit_hint(code);
}

}  // namespace trefoil::lab

#endif
