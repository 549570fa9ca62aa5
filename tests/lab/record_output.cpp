// SPDX-License-Identifier: Apache-2.0
// The file of a recording: what was there before, what the command does to it and to its folder.
#include "lab/recording/reader.hpp"
#include "tests/lab/failing_calls.hpp"
#include "tests/lab/record_run.hpp"

#include <csignal>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace trefoil::lab {
namespace {

class RecordOutput : public record_run {
 protected:
  // While a shell runs this in the test's folder.
  std::vector<std::string> while_shell(const std::string& script, const std::string& file) {
    return {"record", "-o", file, "--", "/bin/sh", "-c", script};
  }

  auto in_own_folder() const {
    return [folder = path("")] {
      ::setenv("TMPDIR", "/none", 1);  // NOLINT(concurrency-mt-unsafe): one thread
      if (::chdir(folder.c_str()) != 0) ::_exit(99);
    };
  }
};

TEST_F(RecordOutput, KeepsTheOlderFileAndSaysSo) {
  write("recording.trefoil", "first");
  const outcome result = wait(start({"record", "--json", "--", "/bin/true"}, in_own_folder()));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(
      result.err.find("record: recording.trefoil was there: that is recording.trefoil.old now\n"),
      std::string::npos)
      << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["file"], "recording.trefoil");
  EXPECT_EQ(content(path("recording.trefoil.old")), "first");
  EXPECT_GE(recording_reader(path("recording.trefoil")).size(), 0);
  EXPECT_EQ(list(), (std::vector<std::string>{"recording.trefoil", "recording.trefoil.old"}));
}

TEST_F(RecordOutput, LeavesTheOlderFileWhereItIsIfNothingIsWritten) {
  const std::string file = write("x", "first");
  refused({"record", "-o", file, "--", "/none/such"});
  const pid_t recorder = start({"record", "-o", file});
  wait_until_it_records(recorder);
  ::kill(recorder, SIGKILL);
  wait(recorder);
  EXPECT_EQ(content(file), "first");
  EXPECT_EQ(list(), std::vector<std::string>{"x"});
}

TEST_F(RecordOutput, RefusesBeforeItRecords) {
  const std::string longest = write(std::string(255, 'n'), "first");
  EXPECT_NE(refused({"record", "-o", longest, "--", "/bin/touch", path("ran")}).find("too long"),
            std::string::npos);
  write("x", "first");
  std::filesystem::create_directory(path("x.old"));
  EXPECT_NE(refused({"record", "-o", path("x"), "--", "/bin/touch", path("ran")}).find("x.old"),
            std::string::npos);
  for (const std::string& name : {std::string(), std::string("-"), path("x.old/"), path("no/x")}) {
    refused({"record", "-o", name, "--", "/bin/touch", path("ran")});
  }
  EXPECT_FALSE(std::filesystem::exists(path("ran")));
  EXPECT_EQ(content(longest), "first");
}

TEST_F(RecordOutput, OutlivesACommandThatCleansItsFolder) {
  std::filesystem::create_directory(path("folder"));
  const std::string file = path("folder/x");
  for (const std::string& script : {"rm -rf " + path("folder/*") + " " + path("folder/.[!.]*"),
                                    "rm -rf " + path("folder") + " && mkdir " + path("folder")}) {
    const outcome result = run(while_shell(script, file));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_GT(recording_reader(file).size(), 0);
  }
  if (!std::filesystem::exists("/usr/bin/git")) return;
  const outcome result = wait(start(
      {"record", "--", "/bin/sh", "-c", "git init -q . && git clean -fdxq"}, in_own_folder()));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(recording_reader(path("recording.trefoil")).size(), 0);
}

TEST_F(RecordOutput, SaysWhereItIsIfItsFolderIsGone) {
  std::filesystem::create_directory(path("folder"));
  const outcome result =
      wait(start(while_shell("rm -rf " + path("folder"), path("folder/x")), in_own_folder()));
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_NE(result.err.find("it is whole, as " + std::filesystem::canonical(path("x")).string()),
            std::string::npos)
      << result.err;
  EXPECT_GT(recording_reader(path("x")).size(), 0);
}

TEST_F(RecordOutput, SaysThatALimitOfFileSizesStopsItButNotItsCommand) {
  const rlim_t most = 40 << 10;
  const outcome result =
      wait(start(while_shell("kill -XFSZ $$; : >" + path("alive"), path("x")), [] {
        const rlimit limit{most, most};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      }));
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_TRUE(result.err.ends_with("trefoil: " + path("x") + ": File too large; see ulimit -f\n"))
      << result.err;
  EXPECT_TRUE(list().empty());  // so the signal has killed the command, as it should
}

// It has become somebody else by then, and /proc/self may be root's.
TEST_F(RecordOutput, GivesItsFileANameThoughItHasChangedItsUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root";
  ASSERT_EQ(::chown(path("").c_str(), 65534, 65534), 0);
  for (const unsigned lacking : {0U, unsigned{AT_EMPTY_PATH}, unsigned{AT_SYMLINK_FOLLOW}}) {
    const outcome result = wait(start({"record", "-o", path("x"), "--", "/bin/true"}, [lacking] {
      ::setenv("SUDO_UID", "65534", 1);
      ::setenv("SUDO_GID", "65534", 1);
      if (lacking != 0) fail_calls({{SYS_linkat, ENOENT, 4, lacking}});
    }));
    if (result.status == no_filter_here) GTEST_SKIP() << "may not filter system calls here";
    EXPECT_EQ(result.status, 0) << result.err;
    struct stat of {};
    ASSERT_EQ(::stat(path("x").c_str(), &of), 0);
    EXPECT_EQ(of.st_uid, 65534U);
  }
  EXPECT_EQ(list(), (std::vector<std::string>{"x", "x.old"}));
}

TEST_F(RecordOutput, DoesWithoutNamelessFiles) {
  const auto lacking = [] { fail_calls({{SYS_openat, EOPNOTSUPP, 2, O_TMPFILE}}); };
  for (const std::string& script : {std::string("/bin/true; :"), "rm -f " + path("*")}) {
    const outcome result = wait(start(while_shell(script, path("x")), lacking));
    if (result.status == no_filter_here) GTEST_SKIP() << "may not filter system calls here";
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_GT(recording_reader(path("x")).size(), 0);
    EXPECT_EQ(list(), std::vector<std::string>{"x"});
    std::filesystem::remove(path("x"));
  }
}

}  // namespace
}  // namespace trefoil::lab
