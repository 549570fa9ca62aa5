// SPDX-License-Identifier: Apache-2.0
#include "lab/record/children.hpp"

#include "lab/error.hpp"
#include "lab/signals_blocked.hpp"
#include "lab/system_reason.hpp"

#include <atomic>
#include <cerrno>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::lab {

namespace {

constexpr int runs = -1;

// Relaxed: the handler mostly runs on the one thread that there is, and each is a fact by itself.
constinit std::atomic<pid_t> kept{0};
constinit std::atomic<int> kept_status{runs};
static_assert(std::atomic<int>::is_always_lock_free);

constinit struct sigaction before {};

void reap() noexcept {
  int how = 0;
  // __WALL: whatever signal a child ends with.
  for (pid_t ended = 0; (ended = ::waitpid(-1, &how, WNOHANG | __WALL)) > 0;) {
    if (ended != kept.load(std::memory_order_relaxed)) continue;
    kept.store(0, std::memory_order_relaxed);  // its number may be another's from now on
    kept_status.store(WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how),
                      std::memory_order_relaxed);
  }
}

extern "C" void child_ended(int) {
  const int saved = errno;
  reap();
  errno = saved;
}

}  // namespace

pid_t fork_for(const std::string& whom) {
  const pid_t child = ::fork();
  if (child >= 0) return child;
  const int code = errno;
  throw error(fault::input, "record: no process for " + whom + ": " + system_reason(code));
}

children::children() {
  struct sigaction action {};
  action.sa_handler = child_ended;
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  sigemptyset(&action.sa_mask);
  sigaction(SIGCHLD, &action, &before);
  const signals_blocked meanwhile;
  reap();
}

children::~children() { sigaction(SIGCHLD, &before, nullptr); }

void children::keep(pid_t one) noexcept {
  kept_status.store(runs, std::memory_order_relaxed);
  kept.store(one, std::memory_order_relaxed);
}

std::optional<int> children::status() const noexcept {
  const int status = kept_status.load(std::memory_order_relaxed);
  return status == runs ? std::nullopt : std::optional(status);
}

}  // namespace trefoil::lab
