// SPDX-License-Identifier: Apache-2.0
/// @file
/// A hang is a likely failure of what is tested here. It has to end, and with the name of the test:
/// including this file gives every test of the program a minute (the slowest takes some seconds).
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstring>

#include <gtest/gtest.h>

namespace test {

class watchdog : public testing::EmptyTestEventListener {
 public:
  /// Ends the process if it is still there after so long. For the children of fork(), which do not
  /// inherit their parent's alarm.
  static void start(unsigned seconds = 60) {
    struct sigaction bite {};
#if defined(__SANITIZE_THREAD__)
    bite.sa_handler = SIG_DFL;  // ThreadSanitizer would hold a handler back, here for ever
#else
    bite.sa_handler = &end_the_process;
#endif
    sigaction(SIGALRM, &bite, nullptr);
    alarm(seconds);
  }

 private:
  void OnTestStart(const testing::TestInfo& test) override {
    name_ = test.name();
    start();
  }
  void OnTestEnd(const testing::TestInfo&) override { alarm(0); }

  static void say(const char* text) {
    static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text)));
  }
  static void end_the_process(int) {
    say("hangs: ");
    say(name_);
    say("\n");
    _exit(124);
  }

  static inline const char* name_ = "";
};

inline const bool watched = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new watchdog);  // gtest deletes it
  return true;
}();

}  // namespace test
