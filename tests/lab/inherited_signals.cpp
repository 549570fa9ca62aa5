// SPDX-License-Identifier: Apache-2.0
// The tool is started with signals blocked, as some daemons and supervisors leave them, and as process 1 of a
// PID namespace, to which only signals are sent that it has handlers for: it ends when asked, all the same.
#include "tests/lab/tool_run.hpp"

#include <csignal>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>

namespace trefoil::lab {
namespace {

class InheritedSignals : public tool_run {
 protected:
  // What goes on until it is asked to end.
  std::vector<std::vector<std::string>> endless() const {
    return {
        {"storm", "--processes", "100000000", "--design", "reversed"},
        {"import", TREFOIL_SAMPLES "/fork.tsv.gz", "-o", path("x.trefoil"), "--repeat", "1048576"}};
  }

  static bool listens(pid_t who) {
    std::ifstream status("/proc/" + std::to_string(who) + "/status");
    unsigned long blocked = ~0UL;
    unsigned long caught = 0;
    for (std::string word; status >> word;) {
      if (word == "SigBlk:") status >> std::hex >> blocked;
      if (word == "SigCgt:") status >> std::hex >> caught;
    }
    constexpr unsigned long asks = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1) | 1UL << (SIGHUP - 1);
    return (caught & asks) == asks && (blocked & asks) == 0;
  }
  static void wait_until_it_listens(pid_t who) {
    for (int i = 0; i < 3000 && !listens(who); ++i) ::usleep(10'000);
    EXPECT_TRUE(listens(who));
    if (!listens(who)) ::kill(who, SIGKILL);
  }
};

TEST_F(InheritedSignals, BlockedOnesAreHeeded) {
  for (const auto& command : endless()) {
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
      const pid_t tool = start(command, [] {
        sigset_t all;
        sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
      });
      wait_until_it_listens(tool);
      ::kill(tool, one);
      const outcome result = wait(tool);
      EXPECT_EQ(result.status, 128 + one) << command[0];
      EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
      EXPECT_EQ(list(), std::vector<std::string>{});
    }
  }
}

// Sent before it was there to hear it.
TEST_F(InheritedSignals, APendingOneIsHeeded) {
  for (const auto& command : endless()) {
    const pid_t tool = start(command, [] {
      sigset_t all;
      sigfillset(&all);
      ::sigprocmask(SIG_SETMASK, &all, nullptr);
      ::kill(::getpid(), SIGTERM);
    });
    const outcome result = wait(tool);
    EXPECT_EQ(result.status, 128 + SIGTERM) << command[0];
    EXPECT_EQ(list(), std::vector<std::string>{});
  }
}

TEST_F(InheritedSignals, Process1EndsWhenAsked) {
  for (const auto& command : endless()) {
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
      const std::string number = path("number");
      const pid_t outside = start(command, [&] {
        if (::unshare(CLONE_NEWPID) != 0) ::_exit(77);
        const pid_t inside = ::fork();
        if (inside == 0) return;
        std::ofstream(number + "_") << inside;
        std::rename((number + "_").c_str(), number.c_str());
        int status = 0;
        ::waitpid(inside, &status, 0);
        ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 76);
      });
      pid_t tool = 0;
      for (int i = 0; i < 3000 && !(std::ifstream(number) >> tool); ++i) {
        if (::waitpid(outside, nullptr, WNOHANG) == outside)
          GTEST_SKIP() << "no PID namespaces here";
        ::usleep(10'000);
      }
      ASSERT_NE(tool, 0);
      wait_until_it_listens(tool);
      ::kill(tool, one);
      const outcome result = wait(outside);
      EXPECT_EQ(result.status, 128 + one) << command[0];
      EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
      std::remove(number.c_str());
      EXPECT_EQ(list(), std::vector<std::string>{});
    }
  }
}

}  // namespace
}  // namespace trefoil::lab
