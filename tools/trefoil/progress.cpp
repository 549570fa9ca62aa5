// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/progress.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <unistd.h>
#include <utility>

namespace trefoil::tool {

namespace {

constexpr int width = 30;
// What is over before this shows no bar at all.
constexpr auto patience = std::chrono::milliseconds(300);
constexpr auto pause = std::chrono::milliseconds(100);

}  // namespace

progress::progress(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(clock::now() + patience) {}

progress::~progress() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void progress::show(double done) {
  if (!terminal_ || clock::now() < next_) return;
  next_ = clock::now() + pause;
  shown_ = true;
  const int full = std::clamp(static_cast<int>(done * width), 0, width);
  fmt::print(stderr, "\r{} [{:=<{}}{: <{}}] {:3.0f} %", what_, "", full, "", width - full,
             done * 100);
  std::fflush(stderr);
}

}  // namespace trefoil::tool
