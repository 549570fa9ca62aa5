// SPDX-License-Identifier: Apache-2.0
// No signal arrives on this thread while it lives; a thread or a process that is started meanwhile begins
// like that.
#ifndef TREFOIL_LAB_SIGNALS_BLOCKED_HPP
#define TREFOIL_LAB_SIGNALS_BLOCKED_HPP

#include <signal.h>

namespace trefoil::lab {

class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace trefoil::lab

#endif
