// SPDX-License-Identifier: Apache-2.0
// What `trefoil record` needs, what it gives up, and whom it and its command are once it has begun.
#include "lab/record/privileges.hpp"
#include "lab/recording/reader.hpp"
#include "tests/lab/record_run.hpp"

#include <array>
#include <csignal>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace trefoil::lab {
namespace {

constexpr uid_t nobody = 65534;
constexpr gid_t its_group = 65533;

class RecordPrivileges : public record_run {
 protected:
  // So that the program it becomes has those alone, though it is root's.
  template <class... Capability>
  static void keep_only(Capability... kept) {
    for (unsigned long one = 0; ::prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
      if (((one != static_cast<unsigned long>(kept)) && ...)) {
        ::prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
      }
    }
  }

  // As a service's manager gives it to a program that is not root's.
  static void make_ambient(unsigned capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> words{};
    ::syscall(SYS_capget, &header, words.data());
    words[capability / 32].inheritable |= 1U << capability % 32;
    ::syscall(SYS_capset, &header, words.data());
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  }

  static void call_by_sudo() {
    ::setenv("SUDO_UID", std::to_string(nobody).c_str(), 1);
    ::setenv("SUDO_GID", std::to_string(its_group).c_str(), 1);
  }

  void expect_nobodys(const std::string& name) {
    struct stat of {};
    ASSERT_EQ(::stat(path(name).c_str(), &of), 0) << name;
    EXPECT_EQ(of.st_uid, nobody) << name;
    EXPECT_EQ(of.st_gid, its_group) << name;
  }
};

TEST_F(RecordPrivileges, TakesTwoCapabilitiesAndNoMore) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file, "--", "/bin/sh", "-c", "/bin/true; :"},
                               [] { keep_only(CAP_BPF, CAP_PERFMON); });
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(recording_reader(file).size(), 0);
}

TEST_F(RecordPrivileges, SaysInALineThatItHasNotThePrivileges) {
  for (const int only : {CAP_BPF, CAP_PERFMON, CAP_SYSLOG}) {
    const pid_t recorder =
        start({"record", "-o", path("x.trefoil"), "--", "/bin/true"}, [only] { keep_only(only); });
    const outcome result = wait(recorder);
    EXPECT_EQ(result.status, 2) << only;
    EXPECT_NE(result.err.find("no permission"), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  EXPECT_TRUE(list().empty());
}

TEST_F(RecordPrivileges, KnowsWhetherItHasThem) {
  const auto knows = [](auto... kept) {
    const pid_t child = ::fork();
    if (child == 0) {
      __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
      std::array<__user_cap_data_struct, 2> words{};
      for (const unsigned one : {static_cast<unsigned>(kept)...}) {
        words.at(one / 32).effective = words.at(one / 32).permitted |= 1U << one % 32;
      }
      if (::syscall(SYS_capset, &header, words.data()) != 0) ::_exit(77);
      ::_exit(may_load_programs() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(knows(CAP_BPF), 0);
  EXPECT_EQ(knows(CAP_PERFMON), 0);
  const int both = knows(CAP_BPF, CAP_PERFMON);
  if (both == 77) GTEST_SKIP() << "takes cap_bpf and cap_perfmon";
  EXPECT_EQ(both, 1);
}

TEST_F(RecordPrivileges, KeepsTwoCapabilitiesOfRootsAndNoneOfOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root";
  const std::uint64_t own = set_of(::getpid(), "CapPrm:");
  ASSERT_EQ(::chown(path("").c_str(), nobody, its_group), 0);
  for (const bool sudo : {false, true}) {
    const pid_t recorder = start({"record", "-o", path("x.trefoil")}, [sudo] {
      make_ambient(CAP_PERFMON);
      if (sudo) call_by_sudo();
    });
    wait_until_it_records(recorder);
    const std::uint64_t kept = sudo ? 0 : own & (1U << CAP_DAC_OVERRIDE | 1U << CAP_KILL);
    EXPECT_EQ(set_of(recorder, "CapPrm:"), kept) << sudo;
    EXPECT_EQ(set_of(recorder, "CapEff:"), kept) << sudo;
    EXPECT_EQ(set_of(recorder, "CapInh:"), 0U) << sudo;
    EXPECT_EQ(set_of(recorder, "CapAmb:"), 0U) << sudo;
    ::kill(recorder, SIGTERM);
    EXPECT_EQ(wait(recorder).status, 0);
    std::filesystem::remove(path("x.trefoil"));
  }
}

TEST_F(RecordPrivileges, BecomesWhoCalledSudo) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root";
  ASSERT_EQ(::chown(path("").c_str(), nobody, its_group), 0);
  const std::string groups = "while read -r a b; do [ $a = Groups: ] && echo $b; done "
                             "</proc/self/status; : >" +
                             path("by_command");
  const outcome result =
      wait(start({"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", groups}, call_by_sudo));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, std::to_string(its_group) + "\n");
  expect_nobodys("x.trefoil");
  expect_nobodys("by_command");
}

TEST_F(RecordPrivileges, WritesOnlyWhereWhoCalledSudoMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root";
  const outcome result = wait(
      start({"record", "-o", path("x.trefoil"), "--", "/bin/touch", path("ran")}, call_by_sudo));
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("who called sudo)"), std::string::npos) << result.err;
  EXPECT_TRUE(list().empty());
}

TEST_F(RecordPrivileges, EndsACommandThatHasBecomeSomebodyElse) {
  if ((set_of(::getpid(), "CapEff:") >> CAP_KILL & 1) == 0) GTEST_SKIP() << "takes CAP_KILL";
  if (!std::filesystem::exists("/usr/bin/setpriv")) GTEST_SKIP() << "no setpriv here";
  ASSERT_EQ(::chown(path("").c_str(), nobody, its_group), 0);
  const pid_t recorder = start({"record", "-o", path("x.trefoil"), "--", "/usr/bin/setpriv",
                                "--reuid", std::to_string(nobody), "--clear-groups", "/bin/sh",
                                "-c", ": >" + path("on") + "; exec sleep 600"});
  ASSERT_TRUE(comes_true([this] { return std::filesystem::exists(path("on")); }));
  ::kill(recorder, SIGTERM);
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 128 + SIGTERM) << result.err;
  EXPECT_EQ(result.err.find("still runs"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace trefoil::lab
