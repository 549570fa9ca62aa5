// SPDX-License-Identifier: Apache-2.0
// What the recorder was started with is what its command has: signals blocked and ignored, limits, descriptors
// and all, as if the command had been started directly. Whatever it was, the recorder ends when asked.
#include "lab/recording/reader.hpp"
#include "tests/lab/record_run.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <functional>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>

namespace trefoil::lab {
namespace {

void block(std::initializer_list<int> some) {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : some) sigaddset(&set, one);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
}

void block_all() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void limit(int which, rlim_t most) {
  const rlimit all{most, most};
  ::setrlimit(static_cast<__rlimit_resource>(which), &all);
}

class RecordGivesBack : public record_run {
 protected:
  // What a process is that was started with that: lines by which it can be told.
  static constexpr const char* tells =
      "while read -r name rest; do case $name in "
      "Umask:|Uid:|Gid:|Groups:|SigBlk:|SigIgn:|SigCgt:|Cap*|NoNewPrivs:|Seccomp:|Cpus_allowed:) "
      "echo $name $rest;; esac; done </proc/self/status; "
      "while read -r line; do echo \"$line\"; done </proc/self/limits; "
      "read -r a </proc/self/oom_score_adj; echo $a; read -r a </proc/self/timerslack_ns; echo $a; "
      "read -r a b c d e f g h i j k l m n o p q r nice rest </proc/self/stat; echo $nice; "
      "for one in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$one ] && echo fd $one; done; "
      "umask; pwd";

  std::string of_the_command(const std::function<void()>& before) {
    const outcome result = wait(start(
        {"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", tells}, [&] { before(); }));
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  std::string of_one_started_directly(const std::function<void()>& before) {
    const std::string out = path("direct");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);  // as start() does
      ::dup2(::open("/dev/null", O_WRONLY), 2);
      before();
      ::execl("/bin/sh", "/bin/sh", "-c", tells, nullptr);
      ::_exit(127);
    }
    ::waitpid(child, nullptr, 0);
    return content(out);
  }
};

TEST_F(RecordGivesBack, AllThatItWasStartedWith) {
  const std::vector<std::function<void()>> ways{
      [] {},
      block_all,
      [] {
        block({SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGRTMIN, SIGRTMIN + 5, SIGRTMAX});
        for (const int one : {SIGPIPE, SIGXFSZ, SIGINT, SIGHUP, SIGUSR2, SIGTSTP, SIGRTMIN + 1}) {
          std::signal(one, SIG_IGN);
        }
      },
      [] {
        for (int one = 1; one <= SIGRTMAX; ++one) std::signal(one, SIG_IGN);
      },
      [] {
        limit(RLIMIT_MEMLOCK, 0);
        limit(RLIMIT_NOFILE, 200);
        limit(RLIMIT_STACK, 1 << 20);
        limit(RLIMIT_CORE, 0);
        limit(RLIMIT_FSIZE, 1 << 30);
        ::umask(027);
        ::setpriority(PRIO_PROCESS, 0, 5);
      },
      [] { ::close(0); },
  };
  for (std::size_t i = 0; i < ways.size(); ++i) {
    EXPECT_EQ(of_the_command(ways[i]), of_one_started_directly(ways[i])) << i;
  }
}

TEST_F(RecordGivesBack, EndsWhenAskedThoughAllWasBlocked) {
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string file = path("x.trefoil");
    const pid_t recorder = start({"record", "-o", file}, block_all);
    ASSERT_TRUE(comes_true([recorder] { return has(set_of(recorder, "SigCgt:"), SIGCHLD); }));
    ::kill(recorder, one);
    const outcome result = wait(recorder);
    // It may not have begun; then it says so.
    EXPECT_TRUE(result.status == 0 || result.status == 128 + one) << result.err;
    EXPECT_EQ(std::filesystem::exists(file), result.status == 0);
    std::filesystem::remove(file);
  }
}

// And it is the command's then, which has it blocked: not before its time, and not lost.
TEST_F(RecordGivesBack, PassesOnASignalThatItsCommandHasBlocked) {
  const std::string on = path("on");
  const pid_t recorder = start({"record", "-o", path("x.trefoil"), "--", "tee", on}, [] {
    std::array<int, 2> silent{};  // the other end is the command's, too: it never ends
    if (::pipe(silent.data()) != 0) ::_exit(77);
    ::dup2(silent[0], 0);
    block({SIGTERM});
  });
  ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(on); }));
  ::kill(recorder, SIGTERM);
  // It cannot end by that: the recorder goes on for 5 s, and says that it still runs.
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string told = "still runs, as process ";
  const std::size_t at = result.err.find(told);
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_EQ(::kill(std::stoi(result.err.substr(at + told.size())), SIGKILL), 0);
}

}  // namespace
}  // namespace trefoil::lab
