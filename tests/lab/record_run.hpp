// SPDX-License-Identifier: Apache-2.0
// `trefoil record`, run as a program. Skipped where the kernel, the privileges or the build do not allow
// it: the reason is the tool's own line.
#ifndef TREFOIL_TESTS_LAB_RECORD_RUN_HPP
#define TREFOIL_TESTS_LAB_RECORD_RUN_HPP

#include "tests/lab/tool_run.hpp"

#include <filesystem>
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

  // It has attached to everything when it makes its file, which has another name as yet.
  void wait_until_it_records() {
    for (int i = 0; i < 3000 && list().empty(); ++i) ::usleep(10'000);
    ASSERT_FALSE(list().empty()) << "30 s";
  }
};

}  // namespace trefoil::lab

#endif
