// SPDX-License-Identifier: Apache-2.0
// `trefoil record`, run as a program. Skipped where the kernel, the privileges or the build do not allow
// it: the reason is the tool's own line.
#ifndef TREFOIL_TESTS_LAB_RECORD_RUN_HPP
#define TREFOIL_TESTS_LAB_RECORD_RUN_HPP

#include "tests/lab/tool_run.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace trefoil::lab {

class record_run : public tool_run {
 protected:
  void SetUp() override {
    const outcome probe = run({"record", "-d", "0.05", "-o", path("probe"), "--", "/bin/true"});
    std::filesystem::remove(path("probe"));
    // What the machine does not allow; a program that the kernel refuses is a failure.
    for (const char* reason : {"no permission", "no type information", "no bpf() system call"}) {
      if (probe.err.find(reason) != std::string::npos) GTEST_SKIP() << probe.err;
    }
    ASSERT_EQ(probe.status, 0) << probe.err;
  }

  // It has attached to everything when it makes its file.
  void wait_until_it_records(pid_t recorder) {
    ASSERT_TRUE(comes_true([this, recorder] { return writes(recorder); }));
  }

  // A set of signals or capabilities in /proc/PID/status ("SigCgt:"); empty if there is none.
  static std::uint64_t set_of(pid_t who, const std::string& name) {
    std::ifstream status("/proc/" + std::to_string(who) + "/status");
    for (std::string word; status >> word;) {
      if (word == name && status >> word) return std::strtoull(word.c_str(), nullptr, 16);
    }
    return 0;
  }
  static bool has(std::uint64_t set, int signal) { return (set >> (signal - 1) & 1) != 0; }
};

}  // namespace trefoil::lab

#endif
