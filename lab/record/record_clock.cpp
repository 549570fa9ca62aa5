// SPDX-License-Identifier: Apache-2.0
#include "lab/record/record_clock.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace trefoil::lab {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// Offsets are shown of the namespace that children will be in.
bool is_in_that_of_its_children() {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/ns/time", none) ==
         std::filesystem::read_symlink("/proc/self/ns/time_for_children", none);
}

}  // namespace

record_clock::record_clock() {
  if (!is_in_that_of_its_children()) return;
  std::ifstream offsets("/proc/self/timens_offsets");  // none: the kernel has no such namespaces
  std::string name;
  for (std::int64_t s = 0, ns = 0; offsets >> name >> s >> ns;) {
    if (name == "monotonic") offset_ns_ = s * second_ns + ns;
  }
}

std::int64_t record_clock::now_ns() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * second_ns + now.tv_nsec - offset_ns_;
}

}  // namespace trefoil::lab
