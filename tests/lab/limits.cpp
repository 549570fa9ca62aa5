// SPDX-License-Identifier: Apache-2.0
// The tool where there is little: of memory, threads, processes, open files, stack. One line says what there
// was none of and which limit it was, or the work is done with less; nothing hangs, nobody is killed.
#include "lab/limits.hpp"

#include "lab/error.hpp"
#include "tests/lab/test_cgroup.hpp"
#include "tests/lab/tool_run.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <grp.h>
#include <optional>
#include <sys/resource.h>
#include <utility>

namespace trefoil::lab {
namespace {

class Limits : public tool_run {
 protected:
  void SetUp() override {
    const outcome made =
        run({"import", TREFOIL_SAMPLES "/fork.tsv.gz", "-o", path("fork.trefoil")});
    ASSERT_EQ(made.status, 0) << made.err;
  }

  // All commands but the one that needs privileges.
  std::vector<std::vector<std::string>> commands() const {
    return {{"info", path("fork.trefoil")},
            {"import", TREFOIL_SAMPLES "/fork.tsv.gz", "-o", path("new.trefoil")},
            {"replay", path("fork.trefoil"), "--design", "reversed", "--design", "two-counts"},
            {"storm", "--processes", "30", "--design", "reversed"}};
  }

  // It did what it was asked, or failed with one line. What it said.
  template <class Before>
  outcome does_it_or_says_why(const std::vector<std::string>& command, Before before) {
    outcome result = wait(start(command, before));
    if (result.status == 77 || result.status == 127) return result;
    EXPECT_TRUE(result.status >= 0 && result.status <= 2) << command[0] << ' ' << result.status;
    if (result.status != 0) {
      EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
          << command[0] << ": " << result.err;
      EXPECT_EQ(result.out, "");
    }
    const auto left = list();
    const bool whole = command[0] == "import" && result.status == 0;
    EXPECT_EQ(left.size(), whole ? 2 : 1) << command[0] << ' ' << result.err;
    std::filesystem::remove(path("new.trefoil"));
    return result;
  }

  static bool names(const outcome& result, const std::string& what) {
    return result.err.find(what) != std::string::npos;
  }
};

auto limited_to(int which, rlim_t most) {
  return [which, most] {
    const rlimit limit{most, most};
    ::setrlimit(static_cast<__rlimit_resource>(which), &limit);
  };
}

// Wherever it is that it does not suffice.
TEST_F(Limits, LittleAddressSpaceIsNamed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer needs all address space";
#endif
  std::vector<rlim_t> little{320, 384, 512, 640, 768, 1024, 1536, 2048, 4096};
  for (rlim_t kib = 9728; kib <= 13312; kib += 256) little.push_back(kib);
  for (const rlim_t mib : {16U, 24U, 48U, 96U, 130U, 134U, 144U, 148U, 152U, 192U, 512U}) {
    little.push_back(mib << 10);
  }
  for (const auto& [which, name] :
       {std::pair(RLIMIT_AS, "ulimit -v"), std::pair(RLIMIT_DATA, "ulimit -d")}) {
    std::vector<rlim_t>
        enough;  // with less there is no program at all: the dynamic linker gives up, or crashes
    for (const rlim_t kib : little) {
      if (wait(start({"--version"}, limited_to(which, kib << 10))).status == 0)
        enough.push_back(kib);
    }
    for (const auto& command : commands()) {
      bool said = false;
      for (const rlim_t kib : enough) {
        const outcome result = does_it_or_says_why(command, limited_to(which, kib << 10));
        said = said || names(result, name);
      }
      EXPECT_TRUE(said) << command[0] << ' ' << name;
      EXPECT_EQ(wait(start(command, limited_to(which, rlim_t{4} << 30))).status, 0) << command[0];
      std::filesystem::remove(path("new.trefoil"));
    }
  }
}

TEST_F(Limits, FewOpenFiles) {
  for (const auto& command : commands()) {
    for (rlim_t most = 3; most <= 12; ++most) {
      does_it_or_says_why(command, limited_to(RLIMIT_NOFILE, most));
    }
  }
}

// Threads have stacks of their own size; too little for the main one is said.
TEST_F(Limits, StacksOfAnySize) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer needs more stack";
#endif
  for (const auto& command : commands()) {
    const outcome little = does_it_or_says_why(command, limited_to(RLIMIT_STACK, 32 << 10));
    EXPECT_EQ(little.status, 2);
    EXPECT_TRUE(names(little, "ulimit -s")) << little.err;
    for (const rlim_t bytes : {rlim_t{256} << 10, rlim_t{1} << 30, rlim_t{1} << 40,
                               static_cast<rlim_t>(RLIM_INFINITY)}) {
      const outcome result = does_it_or_says_why(command, limited_to(RLIMIT_STACK, bytes));
      EXPECT_EQ(result.status, 0) << bytes << ' ' << result.err;
    }
  }
}

TEST_F(Limits, FewThreadsInAControlGroup) {
  const test_cgroup few("pids");
  if (!few.limits("pids.max", "1")) GTEST_SKIP() << "no control groups for processes here";
  const auto enter = [&] { few.enter(); };
  const std::string figures = run(commands()[2]).out;
  int done = 0;
  for (int most = 1; most <= 9; ++most) {
    ASSERT_TRUE(few.limits("pids.max", std::to_string(most)));
    for (const auto& command : commands()) {
      const outcome result = does_it_or_says_why(command, enter);
      ASSERT_NE(result.status, 77) << "may not enter " << few.path();
      ASSERT_TRUE(few.comes_to_be_empty());
      if (command[0] != "storm") {
        EXPECT_EQ(result.status, 0) << most << ' ' << command[0] << ' ' << result.err;
        continue;
      }
#if !defined(__SANITIZE_THREAD__)  // which has a thread of its own
      EXPECT_EQ(result.status, most < 8 ? 1 : 0) << most << ' ' << result.err;
#endif
      done += result.status == 0 ? 1 : 0;
      if (result.status == 0) continue;
      EXPECT_TRUE(names(result, "no thread for ")) << result.err;
      EXPECT_TRUE(names(result, "pids.max of " + few.path() + " is " + std::to_string(most)))
          << result.err;
    }
  }
  EXPECT_GT(done, 0);
}

// An ordinary user's; root has no such limit.
TEST_F(Limits, FewThreadsOfAUser) {
  constexpr uid_t nobody_else = 64'998;
  if (::geteuid() != 0) GTEST_SKIP() << "cannot become a user of whom there are no other processes";
  std::filesystem::permissions(path(""), std::filesystem::perms::all);
  for (rlim_t most = 1; most <= 9; ++most) {
    const outcome result = does_it_or_says_why(commands()[3], [most] {
      limited_to(RLIMIT_NPROC, most)();
      if (::setgroups(0, nullptr) != 0 || ::setgid(nobody_else) != 0 || ::setuid(nobody_else) != 0)
        ::_exit(77);
    });
    if (result.status == 77) GTEST_SKIP() << "cannot become another user here";
    if (result.status == 127) GTEST_SKIP() << "another user may not run " << TREFOIL_TOOL;
    if (most < 8) {
      EXPECT_EQ(result.status, 1) << most << ' ' << result.err;
      EXPECT_TRUE(names(result, "ulimit -u is " + std::to_string(most))) << result.err;
    }
  }
}

// What the kernel kills says nothing.
TEST_F(Limits, LittleMemoryInAControlGroup) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer needs more memory";
#endif
  const test_cgroup little("memory");
  if (!little.limits_memory(64 << 20)) GTEST_SKIP() << "no control groups for memory here";
  const auto enter = [&] { little.enter(); };
  for (const auto& command : commands()) {
    for (const std::uint64_t mib : {3U, 4U, 6U, 8U, 12U, 16U, 24U, 32U}) {
      ASSERT_TRUE(little.limits_memory(mib << 20)) << mib;
      const outcome result = does_it_or_says_why(command, enter);
      ASSERT_NE(result.status, 77) << "may not enter " << little.path();
      if (result.status != 0) {
        EXPECT_TRUE(names(result, " of " + little.path() + " is ")) << result.err;
        EXPECT_LT(mib, 16U) << command[0] << ' ' << result.err;
      }
      ASSERT_TRUE(little.comes_to_be_empty());
    }
  }
}

// ---- what is found out -----------------------------------------------------------------------------

// A /proc/PID with what it is about.
class Cgroups : public files {
 protected:
  void SetUp() override { std::filesystem::create_directories(path("proc")); }
  void is(const std::string& cgroup, const std::string& mountinfo) const {
    write("proc/cgroup", cgroup);
    write("proc/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n" + mountinfo);
  }
  cgroup_folders of(const std::string& controller) const {
    return cgroups_of(controller, path("proc"), path(""));
  }
  void has(const std::string& folder, const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(path(folder));
    write(folder + "/" + file, text + "\n");
  }
  std::vector<std::string> in_order(std::vector<std::string> folders) const {
    for (std::string& one : folders) one = path("") + one;
    return folders;
  }
};

TEST_F(Cgroups, Version2HasOneTree) {
  is("0::/user.slice/a b\n",
     "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  const cgroup_folders found = of("memory");
  EXPECT_EQ(found.version, 2);
  EXPECT_EQ(found.path, in_order({"/sys/fs/cgroup/user.slice/a b", "/sys/fs/cgroup/user.slice",
                                  "/sys/fs/cgroup"}));
}

TEST_F(Cgroups, Version1HasOneForEachController) {
  is("5:cpu,cpuacct:/\n4:memory:/docker/1\n3:pids:/docker/2\n0::/\n",
     "31 22 0:27 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
     "32 22 0:28 /docker/1 /c/memory rw - cgroup cgroup rw,memory\n"  // a container's own alone
     "33 22 0:29 / /c/pids\\040here rw shared:7 - cgroup cgroup rw,pids\n"
     "34 22 0:30 / /c/unified rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(of("memory").version, 1);
  EXPECT_EQ(of("memory").path, in_order({"/c/memory"}));
  EXPECT_EQ(of("pids").path,
            in_order({"/c/pids here/docker/2", "/c/pids here/docker", "/c/pids here"}));
}

TEST_F(Cgroups, InANamespaceOnlyWhatIsInItIsSeen) {
  is("0::/\n", "30 22 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  EXPECT_EQ(of("memory").path, in_order({"/sys/fs/cgroup"}));
  is("0::/../other\n", "30 22 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  EXPECT_EQ(of("memory").version, 0);
  is("0::/x/y\n", "30 22 0:26 /x /one ro - cgroup2 cgroup rw\n");
  EXPECT_EQ(of("memory").path, in_order({"/one/y", "/one"}));
  is("0::/z\n", "30 22 0:26 /x /one ro - cgroup2 cgroup rw\n");
  EXPECT_EQ(of("memory").version, 0);
  is("0::/x\n", "");
  EXPECT_EQ(of("memory").version, 0);
  is("", "");
  EXPECT_EQ(of("memory").version, 0);
}

TEST_F(Cgroups, TheTightestOfAllAboveCounts) {
  is("0::/a/b\n", "30 22 0:26 / /c rw - cgroup2 cgroup2 rw\n");
  has("c/a/b", "memory.max", "max");
  has("c/a/b", "memory.current", "1000");
  has("c/a", "memory.max", "100000");
  has("c/a", "memory.current", "70000");
  has("c/a", "memory.stat", "anon 1\nactive_file 5000\ninactive_file 4000\nslab_reclaimable 1000");
  has("c/a/b", "pids.max", "9");
  has("c/a/b", "pids.current", "2");
  has("c/a", "pids.max", "12");
  has("c/a", "pids.current", "7");
  const auto memory = tightest(cgroup_memory_limits(of("memory")));
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->name, "memory.max of " + path("") + "/c/a");
  EXPECT_EQ(memory->room(), 40'000U);
  const auto tasks = tightest(cgroup_task_limits(of("pids")));
  ASSERT_TRUE(tasks);
  EXPECT_EQ(tasks->name, "pids.max of " + path("") + "/c/a");
  EXPECT_EQ(tasks->room(), 5U);
}

TEST_F(Cgroups, Version1SaysThereIsNoLimitByAnImpossibleOne) {
  is("4:memory:/a\n", "32 22 0:28 / /c rw - cgroup cgroup rw,memory\n");
  has("c", "memory.limit_in_bytes", "9223372036854771712");
  has("c", "memory.usage_in_bytes", "1000");
  has("c/a", "memory.limit_in_bytes", "9223372036854771712");
  has("c/a", "memory.usage_in_bytes", "1000");
  EXPECT_FALSE(tightest(cgroup_memory_limits(of("memory"))));
  has("c/a", "memory.limit_in_bytes", "5000");
  has("c/a", "memory.stat", "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 100");
  EXPECT_EQ(tightest(cgroup_memory_limits(of("memory")))->room(), 4400U);
  has("c/a", "memory.kmem.limit_in_bytes", "600");
  has("c/a", "memory.kmem.usage_in_bytes", "700");  // more than that already
  EXPECT_EQ(tightest(cgroup_memory_limits(of("memory")))->room(), 0U);
}

TEST(limit, NothingIsSaidOfWhatNoLimitMakes) { EXPECT_EQ(limit_hint(ENOENT), ""); }

TEST(limit, NobodyHasAllTheMemoryThereIs) {
  EXPECT_NO_THROW(require_memory("it", 1));
  EXPECT_NE(error_of([] { require_memory("it", std::uint64_t{1} << 60); }).find("it takes "),
            std::string::npos);
}

}  // namespace
}  // namespace trefoil::lab
