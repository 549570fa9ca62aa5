// SPDX-License-Identifier: Apache-2.0
#include "lab/inherited_signals.hpp"

namespace trefoil::lab {

const inherited_signals& inherited_signals::of_this_process() {
  static const inherited_signals noted;
  return noted;
}

inherited_signals::inherited_signals() noexcept {
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked_);
  sigemptyset(&ignored_);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) {
      sigaddset(&ignored_, number);
    }
  }
}

void inherited_signals::give_back() const noexcept {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction then {};
    then.sa_handler = ignores(number) ? SIG_IGN : SIG_DFL;
    sigaction(number, &then, nullptr);  // SIGKILL, SIGSTOP, the C library's own: refused, they stay
  }
  pthread_sigmask(SIG_SETMASK, &blocked_, nullptr);
}

}  // namespace trefoil::lab
