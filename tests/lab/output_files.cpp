// SPDX-License-Identifier: Apache-2.0
// Files that the tool writes: names, limits, full and broken disks, other file systems, an untimely end.
#include "tests/lab/failing_calls.hpp"
#include "tests/lab/tool_run.hpp"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

constexpr uid_t nobody = 65534;

class OutputFiles : public tool_run {
 protected:
  // Failed on the way: status 1, one line, which is returned.
  std::string fails(const outcome& result) {
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    return result.err;
  }

  template <class Before>
  outcome run_after(Before before, std::vector<std::string> arguments) {
    return wait(start(std::move(arguments), before));
  }

  std::vector<std::string> import_to(const std::string& to) const {
    return {"import", TREFOIL_SAMPLES "/fork.tsv.gz", "-o", to};
  }

  static bool is_recording(const std::string& file) {
    return content(file).starts_with("SQLite format 3");
  }

  static void limit_files(rlim_t bytes) {
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  // In the ways in which kernels and file systems say that they lack it.
  static void without_nameless_files(int code) { fail_calls({{SYS_openat, code, 2, O_TMPFILE}}); }

  static bool may_filter() {
    const pid_t child = ::fork();
    if (child == 0) {
      without_nameless_files(EOPNOTSUPP);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 0;
  }
};

TEST_F(OutputFiles, ImportReplacesOnlyByForce) {
  const std::string file = write("x.trefoil", "older");
  std::filesystem::create_symlink("x.trefoil", path("link"));
  for (const std::string& name : {file, path("link")}) {
    EXPECT_NE(refused(import_to(name)).find("--force"), std::string::npos);
    EXPECT_EQ(content(file), "older");
  }
  // Before the work begins: of what is bad in the text, nothing is said.
  const std::string bad = write("bad.tsv", header + row("0", "what", "m1"));
  EXPECT_NE(refused({"import", bad, "-o", file}).find("--force"), std::string::npos);
  EXPECT_EQ(run({"import", write("x.tsv", one_life()), "-o", path("link"), "--force"}).status, 0);
  EXPECT_TRUE(is_recording(file));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(list(), (std::vector<std::string>{"bad.tsv", "link", "x.trefoil", "x.tsv"}));
}

TEST_F(OutputFiles, RefusesWhatIsNoNameForAFile) {
  std::filesystem::create_directory(path("folder"));
  std::filesystem::create_symlink("gone/x", path("dangling"));
  std::filesystem::create_symlink("loop", path("loop"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto there = list();
  const std::string deep = [] {
    std::string name;
    while (name.size() <= PATH_MAX) name += "folder/";
    return name + "x";
  }();
  const struct {
    std::string name;
    const char* line;
  } cases[] = {
      {"", "is empty"},
      {"-", "stdout is no place"},
      {".", "name a file in it"},
      {path("folder"), "name a file in it"},
      {path("folder/"), "name a file in it"},
      {path("new/"), "name a file in it"},
      {path("folder/.."), "name a file in it"},
      {path("gone/x"), "there is no folder"},
      {path("dangling"), "there is no folder"},
      {path("pipe/x"), "is not a folder"},
      {path("pipe"), "not a regular file"},
      {path("loop"), "symbolic links"},
      {"/dev/null", "not a regular file"},
      {path(std::string(256, 'n')), "256 bytes"},
      {deep, "bytes; at most 4095"},
  };
  for (const auto& one : cases) {
    const std::string line = refused(import_to(one.name));
    EXPECT_NE(line.find(one.line), std::string::npos) << line;
    EXPECT_LT(line.size(), 300U) << line;
  }
  EXPECT_EQ(list(), there);
}

TEST_F(OutputFiles, SaysThatAFolderMayNotBeWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root, to be somebody else";
  std::filesystem::create_directory(path("folder"));
  ASSERT_EQ(::chmod(path("").c_str(), 0755), 0);
  for (const mode_t mode : {0755U, 0700U}) {
    ASSERT_EQ(::chmod(path("folder").c_str(), mode), 0);
    const outcome result = run_after(
        [] {
          if (::setuid(nobody) != 0) ::_exit(99);
        },
        import_to(path("folder/x")));
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("folder"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("Permission denied"), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(OutputFiles, TakesNamesAndPathsAsLongAsTheyCanBe) {
  std::string folder = path("");
  folder.pop_back();
  while (folder.size() + 201 < PATH_MAX - 256) folder += "/" + std::string(200, 'd');
  std::filesystem::create_directories(folder);
  const std::string longest =
      folder + "/" + std::string(PATH_MAX - 1 - folder.size() - 1 - 200, 'e');
  std::filesystem::create_directories(longest);
  const std::string whole = longest + "/" + std::string(199, 'f');
  ASSERT_EQ(whole.size(), PATH_MAX - 1U);
  const bool filter = may_filter();
  for (const bool nameless : {true, false}) {
    if (!nameless && !filter) continue;
    for (const std::string& name :
         {path(std::string(250, 'n')), path(std::string(255, 'n')), whole}) {
      for (const char* const more : {"--no-preempt-rt", "--force"}) {  // new, then replaced
        auto arguments = import_to(name);
        arguments.emplace_back(more);
        const outcome result = run_after(
            [nameless] {
              if (!nameless) without_nameless_files(EOPNOTSUPP);
            },
            arguments);
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_TRUE(is_recording(name));
      }
      std::filesystem::remove(name);
    }
  }
}

TEST_F(OutputFiles, AKilledImportLeavesNothing) {
  const std::string file = write("x.trefoil", "older");
  write("x.tsv", one_life());
  const auto there = list();
  const pid_t tool = start({"import", path("x.tsv"), "-o", file, "--force", "--repeat", "1000000"});
  EXPECT_TRUE(comes_true([&] { return writes(tool); }));
  const bool nameless = list() == there;
  ::kill(tool, SIGKILL);
  EXPECT_EQ(wait(tool).status, 128 + SIGKILL);
  if (!nameless) GTEST_SKIP() << "no O_TMPFILE on this file system";
  EXPECT_EQ(list(), there);
  EXPECT_EQ(content(file), "older");
}

// The part has a name there: it goes all the same, but for SIGKILL, and may be removed meanwhile.
TEST_F(OutputFiles, DoesWithoutNamelessFiles) {
  if (!may_filter()) GTEST_SKIP() << "may not filter system calls here";
  write("x.tsv", one_life());
  for (const int code : {EOPNOTSUPP, EISDIR, ENOENT, EINVAL, ENOSYS}) {
    const outcome result =
        run_after([code] { without_nameless_files(code); }, import_to(path("x.trefoil")));
    EXPECT_EQ(result.status, 0) << code << result.err;
    EXPECT_TRUE(is_recording(path("x.trefoil")));
    EXPECT_EQ(list(), (std::vector<std::string>{"x.trefoil", "x.tsv"}));
    std::filesystem::remove(path("x.trefoil"));
  }
  const pid_t tool = start({"import", path("x.tsv"), "-o", path("x"), "--repeat", "1000000"},
                           [] { without_nameless_files(EOPNOTSUPP); });
  EXPECT_TRUE(comes_true([&] { return writes(tool); }));
  EXPECT_TRUE(list().front().starts_with("x.part-")) << list().front();
  ::kill(tool, SIGINT);
  EXPECT_EQ(wait(tool).status, 128 + SIGINT);
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});

  const pid_t other = start({"import", path("x.tsv"), "-o", path("x"), "--repeat", "30000"},
                            [] { without_nameless_files(EOPNOTSUPP); });
  EXPECT_TRUE(comes_true([&] { return writes(other); }));
  std::filesystem::remove(path(list().front()));
  const outcome result = wait(other);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(list(), (std::vector<std::string>{"x", "x.tsv"}));
  EXPECT_EQ(nlohmann::json::parse(run({"info", path("x"), "--json"}).out)["segments"], 30000);
}

// Neither by its descriptor nor by /proc, nor by renames that replace nothing.
TEST_F(OutputFiles, NamesItsFileInWhateverWayThereIs) {
  if (!may_filter()) GTEST_SKIP() << "may not filter system calls here";
  const auto works = [this](auto before) {
    for (const char* const more : {"--no-preempt-rt", "--force"}) {
      auto arguments = import_to(path("x"));
      arguments.emplace_back(more);
      const outcome result = run_after(before, arguments);
      EXPECT_EQ(result.status, 0) << result.err;
      EXPECT_TRUE(is_recording(path("x")));
      EXPECT_EQ(list(), std::vector<std::string>{"x"});
    }
    write("x", "another's");
    EXPECT_EQ(run_after(before, import_to(path("x"))).status, 2);
    EXPECT_EQ(content(path("x")), "another's");
    std::filesystem::remove(path("x"));
  };
  works([] { fail_calls({{SYS_linkat, ENOENT, 4, AT_EMPTY_PATH}}); });
  works([] { fail_calls({{SYS_linkat, ENOENT, 4, AT_SYMLINK_FOLLOW}}); });
  works([] { fail_calls({{SYS_linkat, EPERM}}); });
  works([] { fail_calls({{SYS_linkat, EPERM}, {SYS_renameat2, EINVAL, 4, RENAME_NOREPLACE}}); });
  works([] {
    fail_calls(
        {{SYS_openat, EOPNOTSUPP, 2, O_TMPFILE}, {SYS_renameat2, EINVAL, 4, RENAME_NOREPLACE}});
  });
}

TEST_F(OutputFiles, SaysWhatALimitOfFileSizesStops) {
  const std::string sound = path("sound");
  ASSERT_EQ(run(import_to(sound)).status, 0);
  const auto there = list();
  for (const rlim_t most : {rlim_t{0}, rlim_t{1}, rlim_t{8192}, rlim_t{102400}, rlim_t{1000000}}) {
    // stderr is a file here, too, and may say nothing at 0.
    const outcome result = run_after(
        [most] {
          limit_files(most);
          ::dup2(::open("/dev/null", O_WRONLY), most < 1024 ? 2 : 100);
        },
        import_to(path("x")));
    EXPECT_EQ(result.status, 1) << most;
    if (most >= 1024) {
      EXPECT_EQ(result.err, "trefoil: " + path("x") + ": File too large; see ulimit -f\n");
    }
    EXPECT_EQ(list(), there);
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"info", sound, "--json"},
                                                {"replay", sound, "--json"},
                                                {"storm", "--processes", "20", "--json"}}) {
    const outcome result = run_after([] { limit_files(300); }, words);
    EXPECT_EQ(result.status, 1) << words.front() << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_NE(result.err.find("stdout cannot be written: File too large"), std::string::npos)
        << result.err;
  }
}

TEST_F(OutputFiles, NamesFileAndReasonIfADiskFails) {
  if (!may_filter()) GTEST_SKIP() << "may not filter system calls here";
  for (const int code : {ENOSPC, EDQUOT, EIO}) {
    const std::string reason = std::generic_category().message(code);
    for (const unsigned call : {unsigned{SYS_pwrite64}, unsigned{SYS_fsync}}) {
      const std::string line = fails(run_after(
          [&] {
            fail_calls({{call, code}});
          },
          import_to(path("x"))));
      EXPECT_TRUE(line.starts_with("trefoil: " + path("x") + ": " + reason)) << line;
      EXPECT_TRUE(list().empty());
    }
  }
}

TEST_F(OutputFiles, SaysThatADiskIsFull) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root, to mount a small file system";
  std::filesystem::create_directory(path("small"));
  const std::string small = path("small");
  // In mounts of its own, which end with it.
  const auto mount_it = [&small] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", small.c_str(), "tmpfs", 0, "size=64k") != 0) {
      ::_exit(no_filter_here);
    }
  };
  const outcome full = run_after(mount_it, import_to(small + "/x"));
  if (full.status == no_filter_here) GTEST_SKIP() << "may not mount anything here";
  EXPECT_EQ(fails(full), "trefoil: " + small +
                             "/x: No space left on device; make room there, or write elsewhere\n");
  const outcome read_only = run_after(
      [&] {
        mount_it();
        if (::mount("none", small.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
          ::_exit(no_filter_here);
        }
      },
      import_to(small + "/x"));
  EXPECT_EQ(read_only.status, 2);
  EXPECT_NE(read_only.err.find("Read-only file system"), std::string::npos) << read_only.err;
}

}  // namespace
}  // namespace trefoil::lab
