// SPDX-License-Identifier: Apache-2.0
// A kernel's name as numbers: "6.12.43+deb13-amd64" is 6, 12, 43.
#ifndef TREFOIL_LAB_TSV_KERNEL_VERSION_HPP
#define TREFOIL_LAB_TSV_KERNEL_VERSION_HPP

#include <compare>
#include <optional>
#include <string_view>
#include <utility>

namespace trefoil::lab {

struct kernel_version {
  int major = 0;
  int minor = 0;
  std::optional<int> patch;  // "6.12" does not say which of its stable releases

  constexpr std::pair<int, int> series() const { return {major, minor}; }

  static constexpr std::optional<kernel_version> parse(std::string_view name) {
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      std::size_t digits = 0;
      for (; digits < name.size() && name[digits] >= '0' && name[digits] <= '9'; ++digits) {
        if (digits == 6) return std::nullopt;
        value = value * 10 + (name[digits] - '0');
      }
      name.remove_prefix(digits);
      return digits != 0 ? std::optional(value) : std::nullopt;
    };
    const auto point = [&] {
      if (!name.starts_with('.')) return false;
      name.remove_prefix(1);
      return true;
    };
    kernel_version result;
    const auto major = number();
    if (!major || !point()) return std::nullopt;
    const auto minor = number();
    if (!minor) return std::nullopt;
    result.major = *major;
    result.minor = *minor;
    if (point()) result.patch = number();
    return result;
  }
};

}  // namespace trefoil::lab

#endif
