// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/stop.hpp"

#include "lab/inherited_signals.hpp"

#include <atomic>
#include <initializer_list>
#include <signal.h>
#include <unistd.h>

namespace trefoil::tool {

namespace {

// Set by a handler, looked at by threads, the threads of a replay among them. Relaxed: each is a fact by
// itself, and whoever looks too early looks again.
constinit std::atomic<int> came{0};
constinit std::atomic<int> by_terminal{0};
constinit std::atomic<int> times{0};
static_assert(std::atomic<int>::is_always_lock_free);

// As a second signal does by SA_RESETHAND, but for process 1 of a PID namespace: nothing is sent to that
// but what it has a handler for.
constinit std::atomic<int> second_one_ends{0};

extern "C" void note_signal(int number, siginfo_t* how, void*) {
  constexpr auto relaxed = std::memory_order_relaxed;
  if (second_one_ends.load(relaxed) != 0 && times.load(relaxed) != 0) ::_exit(128 + number);
  came.store(number, relaxed);
  by_terminal.store(how->si_code == SI_KERNEL ? 1 : 0, relaxed);
  times.fetch_add(1, relaxed);
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
  second_one_ends.store(process_1 ? 1 : 0, std::memory_order_relaxed);
  listen(process_1 ? 0 : static_cast<int>(SA_RESETHAND));
  // Daemons and supervisors start programs with signals blocked that they wait for themselves.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void outlive_stops() {
  second_one_ends.store(0, std::memory_order_relaxed);
  listen(0);
}

int stop_signal() noexcept { return came.load(std::memory_order_relaxed); }

bool stopped_by_terminal() noexcept { return by_terminal.load(std::memory_order_relaxed) != 0; }

int stop_count() noexcept { return times.load(std::memory_order_relaxed); }

}  // namespace trefoil::tool
