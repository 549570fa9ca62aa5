// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/stop.hpp"

#include <initializer_list>
#include <signal.h>

namespace trefoil::tool {

namespace {

volatile sig_atomic_t came = 0;

extern "C" void note_signal(int number) { came = number; }

}  // namespace

void listen_for_stop() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  // A second Ctrl-C ends the process at once, should the first not be noticed.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    // Who was started with the signal ignored (nohup) wants it so.
    if (sigaction(number, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
      sigaction(number, &action, nullptr);
    }
  }
}

int stop_signal() noexcept { return came; }

}  // namespace trefoil::tool
