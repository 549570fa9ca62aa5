// SPDX-License-Identifier: Apache-2.0
#include "machine/storm/interrupts.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "machine/storm/chance.hpp"
#include "machine/storm/thread_for.hpp"

namespace trefoil::machine {

namespace {

/// Not one of the first ones, which debuggers and libraries like.
int interrupt_signal() noexcept { return SIGRTMIN + 5; }

constinit interrupts::handler entry_point = nullptr;
constinit thread_local void* this_cpu = nullptr;

void arrived(int) {
  const int saved = errno;
  if (this_cpu != nullptr) entry_point(this_cpu);
  errno = saved;
}

/// Returns whether it was.
bool set_blocked(bool blocked) noexcept {
  sigset_t one;
  sigset_t before;
  sigemptyset(&one);
  sigaddset(&one, interrupt_signal());
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &one, &before);
  return sigismember(&before, interrupt_signal()) == 1;
}

}  // namespace

interrupts::interrupts(handler entry, std::uint64_t seed, std::uint32_t spread_us) {
  entry_point = entry;
  struct sigaction action {};
  action.sa_handler = arrived;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);  // interrupts do not nest
  sigaction(interrupt_signal(), &action, &before_);
  was_blocked_ = set_blocked(true);  // here, hence in threads that start from here
  try {
    source_ = thread_for("interrupts", [this, seed, spread_us] { send(seed, spread_us); });
  } catch (...) {
    let_go();
    throw;
  }
}

interrupts::~interrupts() {
  ending_.store(true, std::memory_order_relaxed);
  source_.join();
  let_go();
}

void interrupts::let_go() noexcept {
  sigaction(interrupt_signal(), &before_, nullptr);
  set_blocked(was_blocked_);
}

void interrupts::send(std::uint64_t seed, std::uint32_t spread_us) {
  chance random(seed);
  while (!ending_.load(std::memory_order_relaxed)) {
    std::this_thread::sleep_for(std::chrono::microseconds(20 + random.below(spread_us + 1)));
    const std::lock_guard<std::mutex> locked(mutex_);
    if (targets_.empty()) continue;
    const pthread_t whom = targets_[random.below(static_cast<std::uint32_t>(targets_.size()))];
    pthread_kill(whom, interrupt_signal());
  }
}

interrupts::target::target(interrupts& from, void* whose) : from_(from) {
  this_cpu = whose;
  {
    const std::lock_guard<std::mutex> locked(from_.mutex_);
    from_.targets_.push_back(pthread_self());
  }
  set_blocked(false);
}

interrupts::target::~target() {
  set_blocked(true);
  {
    const std::lock_guard<std::mutex> locked(from_.mutex_);
    const auto same = [](pthread_t t) { return pthread_equal(t, pthread_self()) != 0; };
    from_.targets_.erase(std::remove_if(from_.targets_.begin(), from_.targets_.end(), same),
                         from_.targets_.end());
  }
  this_cpu = nullptr;
}

}  // namespace trefoil::machine
