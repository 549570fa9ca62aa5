// SPDX-License-Identifier: Apache-2.0
// The recorder has children that it did not make: orphans, where it is process 1 of a container or a subreaper,
// and those whose parent asked for it (CLONE_PARENT). They are reaped, at once, as an init does.
#include "lab/recording/reader.hpp"
#include "tests/lab/record_run.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

namespace trefoil::lab {
namespace {

// The tool is process 1 of a PID namespace with a /proc of its own; what runs outside goes by its status.
void be_process_1() {
  if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) ::_exit(77);
  const pid_t inside = ::fork();
  if (inside == 0) {
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("proc", "/proc", "proc", 0, nullptr) != 0) {
      ::_exit(77);
    }
    return;
  }
  int status = 0;
  ::waitpid(inside, &status, 0);
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void be_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) ::_exit(77);
}

// 3: none of this parent's children is a zombie any more. 9: some still are after 10 s.
std::string wait_for_no_zombie(const std::string& parent) {
  return "n=0; while [ $n -lt 200 ]; do dead=; for one in /proc/[0-9]*/stat; do "
         "read -r a b state parent rest <$one && [ \"$state $parent\" = \"Z " +
         parent +
         "\" ] && dead=1; done 2>/dev/null; [ -z $dead ] && exit 3; sleep 0.05; n=$((n+1)); done; "
         "exit 9";
}

constexpr const char* hundred_orphans =
    "for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7 8 9 10; do "
    "/bin/sh -c '/bin/true & exec /bin/true'; done; done; ";

class RecordAsInit : public record_run {
 protected:
  outcome record(const std::string& script, void (*before)()) {
    return wait(start({"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", script}, before));
  }
  // Tasks that had not been freed when the recording ended.
  int outliving() {
    const outcome info = run({"info", path("x.trefoil"), "--json"});
    EXPECT_EQ(info.status, 0) << info.err;
    return nlohmann::json::parse(info.out)["objects"]["task"]["outliving"].get<int>();
  }
};

TEST_F(RecordAsInit, ReapsOrphansOfAContainer) {
  const outcome result = record(
      std::string(hundred_orphans) + hundred_orphans + wait_for_no_zombie("1"), be_process_1);
  if (result.status == 77) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_LT(outliving(), 150);  // of the whole machine; two hundred, had the orphans waited
}

TEST_F(RecordAsInit, ReapsOrphansAsSubreaper) {
  const outcome result = record(hundred_orphans + wait_for_no_zombie("$PPID"), be_subreaper);
  if (result.status == 77) GTEST_SKIP() << "cannot be a subreaper here";
  EXPECT_EQ(result.status, 3) << result.err;
}

// Those of a program that asked for its own parent.
TEST_F(RecordAsInit, ReapsItsCommandsSiblings) {
  const outcome result =
      run({"record", "-o", path("x.trefoil"), "--", TREFOIL_RECORD_SUBJECT, "siblings"});
  EXPECT_EQ(result.status, 3) << result.err << result.out;
}

// The command's status is among many.
TEST_F(RecordAsInit, KnowsHowItsCommandEndedAmongOrphansThatEndAtOnce) {
  for (void (*const before)() : {be_process_1, be_subreaper}) {
    for (int i = 0; i < 3; ++i) {
      const outcome result =
          record("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                 "(sleep 0.3 & sleep 0.3 & exit 1); done; sleep 0.3; exit 7",
                 before);
      if (result.status == 77) GTEST_SKIP() << "no PID namespaces here";
      EXPECT_EQ(result.status, 7) << result.err;
    }
  }
}

TEST_F(RecordAsInit, RecordsAContainerWithoutACommand) {
  const outcome result =
      wait(start({"record", "-o", path("x.trefoil"), "-d", "0.2"}, be_process_1));
  if (result.status == 77) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(result.status, 0) << result.err;
}

// What goes on in the namespace of a process 1 ends with it: nobody is left to say so afterwards.
TEST_F(RecordAsInit, SaysThatACommandEndsWithProcess1) {
  const outcome result = wait(start({"record", "-o", path("x.trefoil"), "-d", "0.2", "--",
                                     "/bin/sh", "-c", "trap '' TERM; sleep 600; sleep 600"},
                                    be_process_1));
  if (result.status == 77) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("ends now"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace trefoil::lab
