// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/stop.hpp"

#include <initializer_list>
#include <signal.h>

namespace trefoil::tool {

namespace {

volatile sig_atomic_t came = 0;
volatile sig_atomic_t by_terminal = 0;
volatile sig_atomic_t times = 0;

extern "C" void note_signal(int number, siginfo_t* how, void*) {
  came = number;
  by_terminal = how->si_code == SI_KERNEL ? 1 : 0;
  times = times + 1;
}

void listen(int flags) {
  struct sigaction action {};
  action.sa_sigaction = note_signal;
  action.sa_flags = flags | SA_SIGINFO;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    // Who was started with SIGHUP ignored (nohup) wants it so. With the others it only means that a
    // script's shell started it in the background, where somebody may still want it to end.
    if (number == SIGHUP && before.sa_handler == SIG_IGN) continue;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace

void listen_for_stop() { listen(static_cast<int>(SA_RESETHAND)); }

void outlive_stops() { listen(0); }

int stop_signal() noexcept { return came; }

bool stopped_by_terminal() noexcept { return by_terminal != 0; }

int stop_count() noexcept { return times; }

}  // namespace trefoil::tool
