// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/stop.hpp"

#include "lab/inherited_signals.hpp"

#include <initializer_list>
#include <signal.h>
#include <unistd.h>

namespace trefoil::tool {

namespace {

volatile sig_atomic_t came = 0;
volatile sig_atomic_t by_terminal = 0;
volatile sig_atomic_t times = 0;

// As a second signal does by SA_RESETHAND, but for process 1 of a PID namespace: nothing is sent to that
// but what it has a handler for.
volatile sig_atomic_t second_one_ends = 0;

extern "C" void note_signal(int number, siginfo_t* how, void*) {
  if (second_one_ends != 0 && times != 0) ::_exit(128 + number);
  came = number;
  by_terminal = how->si_code == SI_KERNEL ? 1 : 0;
  times = times + 1;
}

void listen(int flags) {
  const auto& inherited = lab::inherited_signals::of_this_process();
  struct sigaction action {};
  action.sa_sigaction = note_signal;
  action.sa_flags = flags | SA_SIGINFO;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Who was started with SIGHUP ignored (nohup) wants it so. With the others it only means that a
    // script's shell started it in the background, where somebody may still want it to end.
    if (number == SIGHUP && inherited.ignores(number)) continue;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace

void listen_for_stop() {
  const bool process_1 = ::getpid() == 1;
  second_one_ends = process_1 ? 1 : 0;
  listen(process_1 ? 0 : static_cast<int>(SA_RESETHAND));
  // Daemons and supervisors start programs with signals blocked that they wait for themselves.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void outlive_stops() {
  second_one_ends = 0;
  listen(0);
}

int stop_signal() noexcept { return came; }

bool stopped_by_terminal() noexcept { return by_terminal != 0; }

int stop_count() noexcept { return times; }

}  // namespace trefoil::tool
