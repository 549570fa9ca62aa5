// SPDX-License-Identifier: Apache-2.0
// Which signals this process was started with blocked, and which ignored. The tool changes both for itself;
// a program that it starts gets them back, as if it had been started directly.
#ifndef TREFOIL_LAB_INHERITED_SIGNALS_HPP
#define TREFOIL_LAB_INHERITED_SIGNALS_HPP

#include <signal.h>

namespace trefoil::lab {

class inherited_signals {
 public:
  // Noted at the first call: main makes it before anything is changed.
  static const inherited_signals& of_this_process();

  bool ignores(int signal) const noexcept { return sigismember(&ignored_, signal) == 1; }

  // In a child that is about to be another program: ignored again is what was, and nothing else; last the
  // mask, so that what has come meanwhile meets no handler of ours. Async-signal-safe.
  void give_back() const noexcept;

 private:
  inherited_signals() noexcept;

  sigset_t blocked_{};
  sigset_t ignored_{};
};

}  // namespace trefoil::lab

#endif
