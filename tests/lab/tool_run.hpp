// SPDX-License-Identifier: Apache-2.0
// The tool, run as a program: TREFOIL_TOOL is its path.
#ifndef TREFOIL_TESTS_LAB_TOOL_RUN_HPP
#define TREFOIL_TESTS_LAB_TOOL_RUN_HPP

#include "tests/lab/text.hpp"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace trefoil::lab {

struct outcome {
  int status = -1;  // 128 + N: killed by signal N
  std::string out;
  std::string err;
};

// Runs the tool; what it wrote and how it ended.
class tool_run : public files {
 protected:
  // `before`: done in the new process, before it is the tool's.
  template <class Before>
  pid_t start(std::vector<std::string> arguments, Before before) {
    arguments.insert(arguments.begin(), "trefoil");
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    const std::string out = streams_.path("out");
    const std::string err = streams_.path("err");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
      ::dup2(::open(err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 2);
      // Where it hangs, ctest kills the test alone. Twice: `before` may fork.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      before();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execv(TREFOIL_TOOL, argv.data());
      ::_exit(127);
    }
    return child;
  }

  pid_t start(std::vector<std::string> arguments) {
    return start(std::move(arguments), [] {});
  }

  outcome wait(pid_t child) {
    rusage ignored{};
    return wait(child, ignored);
  }

  // Also what it took.
  outcome wait(pid_t child, rusage& used) {
    int status = 0;
    ::wait4(child, &status, 0, &used);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            content(streams_.path("out")), content(streams_.path("err"))};
  }

  // Within 30 s: what takes longer hangs.
  template <class Condition>
  static bool comes_true(Condition condition) {
    for (int i = 0; i < 3000; ++i, ::usleep(10'000)) {
      if (condition()) return true;
    }
    return false;
  }

  // It has begun to write its file: one that it has open in the test's folder has no name, or not yet
  // its own.
  bool writes(pid_t who) const {
    const std::string folder = std::filesystem::canonical(path("")).string() + "/";
    std::error_code gone;
    for (const auto& one :
         std::filesystem::directory_iterator("/proc/" + std::to_string(who) + "/fd", gone)) {
      const std::string file = std::filesystem::read_symlink(one.path(), gone).string();
      const std::string name = file.substr(file.find_last_of('/') + 1);
      if (!file.starts_with(folder)) continue;
      if (name.starts_with('#') || name.find(".part-") != std::string::npos) return true;
    }
    return false;
  }

  outcome run(std::vector<std::string> arguments) { return wait(start(std::move(arguments))); }

  // Bad input: status 2, one line, nothing on stdout.
  std::string refused(std::vector<std::string> arguments) {
    const outcome result = run(std::move(arguments));
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    return result.err;
  }

 private:
  struct streams : files {
    using files::path;
    void TestBody() override {}
  };
  streams streams_;  // not in the test's own folder, which is looked at
};

}  // namespace trefoil::lab

#endif
