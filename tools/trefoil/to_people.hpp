// SPDX-License-Identifier: Apache-2.0
// To stderr. That nobody can read it there (a full disk, a pipe that was closed) ends no work.
#ifndef TREFOIL_TOOL_TO_PEOPLE_HPP
#define TREFOIL_TOOL_TO_PEOPLE_HPP

#include <cstdio>
#include <fmt/core.h>
#include <string>
#include <utility>

namespace trefoil::tool {

template <class... T>
void to_people(fmt::format_string<T...> text, T&&... values) {
  const std::string all = fmt::format(text, std::forward<T>(values)...);
  std::fwrite(all.data(), 1, all.size(), stderr);
  std::fflush(stderr);
}

}  // namespace trefoil::tool

#endif
