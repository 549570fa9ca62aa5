// SPDX-License-Identifier: Apache-2.0
// The recorder where there is little memory, or hardly a process to be had: one line that names the limit.
#include "tests/lab/record_run.hpp"
#include "tests/lab/test_cgroup.hpp"

#include <algorithm>

namespace trefoil::lab {
namespace {

class RecordLimits : public record_run {
 protected:
  static bool names(const outcome& result, const std::string& what) {
    return result.err.find(what) != std::string::npos;
  }
  std::vector<std::string> into(const std::string& file) const {
    return {"record", "-o", path(file), "-d", "0.05"};
  }
};

// The kernel's part of it counts, too. Who takes more than there is is killed, and says nothing.
TEST_F(RecordLimits, LittleMemoryInAControlGroup) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs more memory";
#endif
  const test_cgroup little("memory");
  if (!little.limits_memory(512 << 20)) GTEST_SKIP() << "no control groups for memory here";
  for (const std::uint64_t mib :
       {4U, 8U, 12U, 16U, 20U, 24U, 28U, 32U, 40U, 48U, 56U, 64U, 72U, 96U}) {
    ASSERT_TRUE(little.limits_memory(mib << 20));
    const outcome result = wait(start(into("x.trefoil"), [&] { little.enter(); }));
    ASSERT_NE(result.status, 77) << "may not enter " << little.path();
    EXPECT_EQ(result.status, mib < 80 ? 2 : 0) << mib << ' ' << result.err;
    if (result.status == 0) continue;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(names(result, " of " + little.path() + " is " + std::to_string(mib)) ||
                names(result, " of " + little.path() + " is " + std::to_string(mib * 1024)))
        << result.err;
    EXPECT_TRUE(names(result, "80 MiB")) << result.err;
    EXPECT_TRUE(list().empty());
    ASSERT_TRUE(little.comes_to_be_empty());
  }
}

TEST_F(RecordLimits, FewProcessesInAControlGroup) {
  const test_cgroup few("pids");
  if (!few.limits("pids.max", "1")) GTEST_SKIP() << "no control groups for processes here";
  const auto enter = [&] { few.enter(); };
  for (const bool slab : {false, true}) {
    for (int most = 1; most <= 4; ++most) {
      ASSERT_TRUE(few.limits("pids.max", std::to_string(most)));
      std::vector<std::string> arguments = into("x.trefoil");
      if (slab) arguments.emplace_back("--slab");
      const outcome alone = wait(start(arguments, enter));
      ASSERT_NE(alone.status, 77) << "may not enter " << few.path();
      ASSERT_TRUE(few.comes_to_be_empty());
      arguments.insert(arguments.end(), {"--", "/bin/true"});
      const outcome with_command = wait(start(arguments, enter));
      ASSERT_TRUE(few.comes_to_be_empty());
      EXPECT_EQ(alone.status, slab && most == 1 ? 2 : 0) << most << ' ' << alone.err;
      EXPECT_EQ(with_command.status, most == 1 ? 2 : 0) << most << ' ' << with_command.err;
      for (const outcome* const one : {&alone, &with_command}) {
        if (one->status == 0) continue;
        EXPECT_EQ(std::count(one->err.begin(), one->err.end(), '\n'), 1) << one->err;
        EXPECT_TRUE(names(*one, "no process for ")) << one->err;
        EXPECT_TRUE(names(*one, "pids.max of " + few.path() + " is 1")) << one->err;
      }
    }
  }
}

}  // namespace
}  // namespace trefoil::lab
