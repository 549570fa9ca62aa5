// SPDX-License-Identifier: Apache-2.0
// Why the system did not do something to a file, in its own words, and what helps.
#ifndef TREFOIL_LAB_SYSTEM_REASON_HPP
#define TREFOIL_LAB_SYSTEM_REASON_HPP

#include <cerrno>
#include <string>
#include <system_error>

namespace trefoil::lab {

inline std::string system_reason(int code) {
  std::string words = std::generic_category().message(code);
  switch (code) {
    case EFBIG: return words + "; see ulimit -f";
    case ENOSPC:
    case EDQUOT: return words + "; make room there, or write elsewhere";
    default: return words;
  }
}

}  // namespace trefoil::lab

#endif
