// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/progress.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <utility>

namespace trefoil::tool {

namespace {

constexpr int width = 30;

}  // namespace

progress::progress(std::string what) : what_(std::move(what)) {}

void progress::show(double done) {
  if (!line_.due()) return;
  const int full = std::clamp(static_cast<int>(done * width), 0, width);
  line_.show(
      fmt::format("{} [{:=<{}}{: <{}}] {:3.0f} %", what_, "", full, "", width - full, done * 100));
}

}  // namespace trefoil::tool
