// SPDX-License-Identifier: Apache-2.0
/// @file
/// What happened, in order. Tiers write it, tests read it.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace journal {

using entries = std::vector<std::string>;

namespace detail {
inline std::mutex guard;
inline entries written;
}  // namespace detail

inline void write(std::string what) {
  const std::lock_guard lock(detail::guard);
  detail::written.push_back(std::move(what));
}

/// What was written since the last look.
[[nodiscard]] inline entries take() {
  const std::lock_guard lock(detail::guard);
  return std::exchange(detail::written, {});
}

inline void clear() { static_cast<void>(take()); }

}  // namespace journal
