// SPDX-License-Identifier: Apache-2.0
// To stderr. That nobody can read it there (a full disk, a pipe that was closed), or that there is no memory
// to say it, ends no work.
#ifndef TREFOIL_TOOL_TO_PEOPLE_HPP
#define TREFOIL_TOOL_TO_PEOPLE_HPP

#include <cstdio>
#include <fmt/core.h>
#include <new>
#include <string>
#include <utility>

namespace trefoil::tool {

// What `tell` says, as far as it comes.
template <class F>
void as_far_as_it_goes(F tell) {
  try {
    tell();
  } catch (const std::bad_alloc&) {}  // NOLINT(bugprone-empty-catch)
}

template <class... T>
void to_people(fmt::format_string<T...> text, T&&... values) {
  as_far_as_it_goes([&] {
    const std::string all = fmt::format(text, std::forward<T>(values)...);
    std::fwrite(all.data(), 1, all.size(), stderr);
    std::fflush(stderr);
  });
}

}  // namespace trefoil::tool

#endif
