// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/status_line.hpp"

#include "tools/trefoil/to_people.hpp"

#include <unistd.h>

namespace trefoil::tool {

namespace {

constexpr auto patience = std::chrono::milliseconds(300);
constexpr auto pause = std::chrono::milliseconds(100);

}  // namespace

status_line::status_line()
    : terminal_(::isatty(STDERR_FILENO) == 1), next_(clock::now() + patience) {}

status_line::~status_line() { wipe(); }

void status_line::show(std::string_view text) {
  if (!terminal_) return;
  next_ = clock::now() + pause;
  shown_ = true;
  to_people("\r\x1b[K{}", text);
}

void status_line::wipe() {
  if (!shown_) return;
  shown_ = false;
  to_people("\r\x1b[K");
}

}  // namespace trefoil::tool
