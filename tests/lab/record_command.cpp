// SPDX-License-Identifier: Apache-2.0
// How a recording begins and ends: signals, clocks, the command's own ways, files in the way.
#include "lab/recording/reader.hpp"
#include "tests/lab/record_run.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sstream>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace trefoil::lab {
namespace {

class RecordCommand : public record_run {
 protected:
  // Its handlers are there: a signal from now on does not kill it.
  static void wait_until_it_listens(pid_t who) {
    ASSERT_TRUE(comes_true([who] { return has(set_of(who, "SigCgt:"), SIGINT); }));
  }
};

TEST_F(RecordCommand, EndsWholeAtCtrlC) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file});
  wait_until_it_records(recorder);
  EXPECT_FALSE(std::filesystem::exists(file));
  ::system("/bin/true");
  ::kill(recorder, SIGINT);
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(recording_reader(file).size(), 0);
  EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
}

// A shell's script starts what runs in the background with SIGINT ignored; nohup ignores SIGHUP.
TEST_F(RecordCommand, HeedsWhatItWasStartedToIgnoreButForAHangup) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file}, [] {
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) std::signal(one, SIG_IGN);
  });
  wait_until_it_records(recorder);
  const std::uint64_t caught = set_of(recorder, "SigCgt:");
  EXPECT_TRUE(has(caught, SIGTERM));
  EXPECT_TRUE(has(set_of(recorder, "SigIgn:"), SIGHUP));
  ::kill(recorder, has(caught, SIGINT) ? SIGINT : SIGKILL);
  EXPECT_EQ(wait(recorder).status, 0);
  EXPECT_GE(recording_reader(file).size(), 0);
}

TEST_F(RecordCommand, MakesAFileThoughNothingHappens) {
  std::vector<std::string> arguments{"record", "-o", path("x.trefoil"), "-d", "0.05"};
  // Whoever leaves out what there is not is told all that there is.
  const std::string told = refused({"record", "--leave-out", "none", "-d", "0.05"});
  std::istringstream all(told.substr(told.find("there are ") + 10));
  for (std::string one; all >> one;) arguments.insert(arguments.end(), {"--leave-out", one});
  const outcome result = run(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(recording_reader(path("x.trefoil")).size(), 0);
  const outcome info = run({"info", path("x.trefoil")});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_EQ(run({"replay", path("x.trefoil")}).status, 0);
}

TEST_F(RecordCommand, LeavesNoFileWhenKilled) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file});
  wait_until_it_records(recorder);
  ::kill(recorder, SIGKILL);
  EXPECT_EQ(wait(recorder).status, 128 + SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(file));
}

// And with how that ends it.
TEST_F(RecordCommand, EndsWithTheCommandThatASignalIsPassedOnTo) {
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string file = path("x.trefoil");
    const std::string on = path("on");
    const pid_t recorder =
        start({"record", "-o", file, "--", "/bin/sh", "-c",
               "trap 'kill $!; exit 3' INT TERM HUP; sleep 600 & : >" + on + "; wait"});
    ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(on); }));
    ::kill(recorder, one);
    const outcome result = wait(recorder);
    EXPECT_EQ(result.status, 3) << one << ' ' << result.err;
    EXPECT_GT(recording_reader(file).size(), 0);
    std::filesystem::remove(on);
  }
}

TEST_F(RecordCommand, TellsWhichSignalEndedItsCommand) {
  const outcome result =
      run({"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", "kill -9 $$"});
  EXPECT_EQ(result.status, 128 + SIGKILL) << result.err;
}

// Nothing is in it that came after its end, though the machine goes on while programs are detached.
TEST_F(RecordCommand, HoldsNothingFromAfterItsEnd) {
  const pid_t storm = ::fork();
  if (storm == 0) {
    const char* const forks = "for i in 1 2 3 4; do while :; do (:); done & done; wait";
    ::setpgid(0, 0);
    ::execl("/bin/sh", "sh", "-c", forks, nullptr);
    ::_exit(127);
  }
  const outcome result = run({"record", "-o", path("x.trefoil"), "-d", "0.5", "--json"});
  ::kill(-storm, SIGKILL);
  ::waitpid(storm, nullptr, 0);
  ASSERT_EQ(result.status, 0) << result.err;
  const auto told = nlohmann::json::parse(result.out);
  EXPECT_GE(told["seconds"].get<double>(), 0.5);
  const auto info = nlohmann::json::parse(run({"info", path("x.trefoil"), "--json"}).out);
  EXPECT_EQ(info["recorder"]["seconds"], told["seconds"]);
  recording_reader recording(path("x.trefoil"));
  event last;
  for (event e; recording.next(e);) last = e;
  EXPECT_GT(recording.size(), 100);
  EXPECT_LE(static_cast<double>(last.time_ns) / 1e9, told["seconds"].get<double>());
}

TEST_F(RecordCommand, AsksAProgramThatGoesOnToEnd) {
  const auto ask = [this](const char* what) {
    return run({"record", "-o", path("x.trefoil"), "-d", "0.2", "--", "/bin/sh", "-c", what});
  };
  const outcome polite = ask("while :; do sleep 0.1; done");
  EXPECT_EQ(polite.status, 0) << polite.err;
  EXPECT_EQ(polite.err.find("still runs"), std::string::npos) << polite.err;
  const outcome stubborn =
      ask("trap '' TERM; n=0; while [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done");
  EXPECT_EQ(stubborn.status, 0) << stubborn.err;
  const std::string told = "the command still runs, as process ";
  const std::size_t at = stubborn.err.find(told);
  ASSERT_NE(at, std::string::npos) << stubborn.err;
  EXPECT_EQ(::kill(std::stoi(stubborn.err.substr(at + told.size())), SIGKILL), 0);
}

// Whenever that is: what has not been recorded has not been run.
TEST_F(RecordCommand, RunsNothingThatItDoesNotRecord) {
  const std::string file = path("x.trefoil");
  const std::string trace = path("trace");
  const pid_t recorder = start({"record", "-o", file, "--", "/bin/touch", trace});
  wait_until_it_listens(recorder);
  ::kill(recorder, SIGINT);
  const outcome result = wait(recorder);
  // Nearly always: to load programs takes a while.
  if (result.err.find("nothing written") != std::string::npos) {
    EXPECT_EQ(result.status, 128 + SIGINT);
    EXPECT_EQ(list(), std::vector<std::string>{});
  } else {
    EXPECT_GT(recording_reader(file).size(), 0);
  }
}

TEST_F(RecordCommand, TellsHowItsCommandEndedThoughItWasStartedWithSigchldIgnored) {
  const pid_t recorder = start({"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", "exit 5"},
                               [] { std::signal(SIGCHLD, SIG_IGN); });
  EXPECT_EQ(wait(recorder).status, 5);
}

// A disk that is full, a descriptor that is closed, a pipe that nobody reads: nothing is lost by it, and
// the command does not see that the recorder has SIGPIPE ignored.
TEST_F(RecordCommand, RecordsThoughNobodyHearsIt) {
  const std::string file = path("x.trefoil");
  const auto into = [](int fd) { ::dup2(fd, 2); };
  const auto ends_whole = [&](auto before) {
    const outcome result = wait(start({"record", "-o", file, "--", "/bin/sh", "-c",
                                       "while read -r a b; do [ $a = SigIgn: ] && echo $b; done "
                                       "</proc/self/status; /bin/true; exit 5"},
                                      before));
    EXPECT_EQ(result.status, 5);
    EXPECT_EQ(std::strtoull(result.out.c_str(), nullptr, 16) >> (SIGPIPE - 1) & 1, 0U);
    EXPECT_GT(recording_reader(file).size(), 0);
    EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
    std::filesystem::remove(file);
  };
  ends_whole([&] { into(::open("/dev/full", O_WRONLY)); });
  ends_whole([] { ::close(2); });
  ends_whole([&] {
    std::array<int, 2> unread{};
    if (::pipe(unread.data()) != 0) ::_exit(77);
    ::close(unread[0]);
    into(unread[1]);
    ::close(unread[1]);
  });
}

// Its own clock may be ahead of the kernel's or behind; for that it has to be born there.
TEST_F(RecordCommand, RecordsInATimeNamespace) {
  for (const char* const offset : {"monotonic 100000 0", "monotonic -5 0"}) {
    const std::string file = path("x.trefoil");
    const pid_t recorder =
        start({"record", "-o", file, "--", "/bin/sh", "-c", "/bin/true; :"}, [offset] {
          if (::unshare(CLONE_NEWTIME) != 0) ::_exit(77);
          const int offsets = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
          if (::write(offsets, offset, std::strlen(offset)) < 0) ::_exit(77);
          const pid_t inside = ::fork();
          if (inside == 0) return;
          int status = 0;
          ::waitpid(inside, &status, 0);
          ::_exit(WEXITSTATUS(status));
        });
    const outcome result = wait(recorder);
    if (result.status == 77) GTEST_SKIP() << "no time namespaces here";
    EXPECT_EQ(result.status, 0) << result.err;
    const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
    EXPECT_GE(info["events"]["by_kind"]["exec"], 2) << offset;  // the command's and its child's
    EXPECT_LT(info["duration_ns"].get<double>(), 60e9) << offset;
  }
}

TEST_F(RecordCommand, HasStdoutForItsJsonAlone) {
  const outcome result = run({"record", "-o", path("x.trefoil"), "--json", "--", "/bin/sh", "-c",
                              "echo 'the command says'"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["command_status"], 0);
  EXPECT_NE(result.err.find("the command says"), std::string::npos) << result.err;
  EXPECT_EQ(run({"record", "-o", path("x.trefoil"), "--", "/bin/sh", "-c", "echo so"}).out, "so\n");
}

// What it may use is not the kernel's fault.
TEST_F(RecordCommand, SaysInALineThatItMayOpenTooFewFiles) {
  for (const rlim_t most : {8U, 25U, 95U}) {
    const outcome result = wait(start({"record", "-o", path("x.trefoil"), "-d", "0.05"}, [most] {
      const rlimit limit{most, most};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    }));
    EXPECT_EQ(result.status, 2) << most;
    EXPECT_NE(result.err.find("ulimit -n"), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  EXPECT_TRUE(list().empty());
}

// Wherever it is that the memory does not suffice: for the kernel's types, its programs, their maps.
TEST_F(RecordCommand, SaysInALineThatItMayUseTooLittleMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer needs all address space";
#endif
  const std::string file = path("x.trefoil");
  bool types = false;
  bool programs = false;
  outcome result;
  for (rlim_t mib = 12; mib <= 1024 && result.status != 0; mib += 4) {
    result = wait(start({"record", "-o", file, "-d", "0.01"}, [mib] {
      const rlimit limit{mib << 20, mib << 20};
      ::setrlimit(RLIMIT_AS, &limit);
    }));
    if (result.status == 0 || result.status == 127) continue;  // 127: not even its libraries
    EXPECT_TRUE(result.status == 1 || result.status == 2) << mib << ": " << result.status;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(list().empty()) << mib;
    const bool hint = result.err.find("ulimit -v") != std::string::npos;
    types = types || (hint && result.err.find("type information") != std::string::npos);
    programs = programs || (hint && result.err.find("load its programs") != std::string::npos);
    EXPECT_TRUE(hint || result.err == "trefoil: out of memory\n") << result.err;
  }
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(types);
  EXPECT_TRUE(programs);
}

TEST_F(RecordCommand, KeepsWhatItCannotNameAsItShould) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file});
  wait_until_it_records(recorder);
  std::filesystem::create_directory(file);
  ::system("/bin/true");
  ::kill(recorder, SIGINT);
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 1) << result.err;
  std::string kept;
  for (const std::string& name : list()) {
    if (name != "x.trefoil") kept = name;
  }
  EXPECT_NE(result.err.find(kept), std::string::npos) << result.err;
  EXPECT_GT(recording_reader(path(kept)).size(), 0);
}

TEST_F(RecordCommand, SaysInALineThatTheKernelHasNoTypes) {
  const pid_t recorder = start({"record", "-o", path("x.trefoil"), "--", "/bin/true"}, [] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr) != 0) {
      ::_exit(77);
    }
  });
  const outcome result = wait(recorder);
  if (result.status == 77) GTEST_SKIP() << "may not mount anything over /sys/kernel/btf here";
  if (result.status == 0) GTEST_SKIP() << "this kernel's image has its types elsewhere, too";
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(list().empty());
}

TEST_F(RecordCommand, SaysInALineThatTheKernelHasNoBpf) {
  const pid_t recorder = start({"record", "-o", path("x.trefoil")}, [] {
    sock_filter without_bpf[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{std::size(without_bpf), without_bpf};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(77);
  });
  const outcome result = wait(recorder);
  if (result.status == 77) GTEST_SKIP() << "may not filter system calls here";
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("CONFIG_BPF_SYSCALL"), std::string::npos) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(list().empty());
}

TEST_F(RecordCommand, SaysWhatIsWrong) {
  EXPECT_NE(refused({"record", "-o", path("x"), "--", "/none/such"}).find("cannot start"),
            std::string::npos);
  refused({"record", "-o", path("no/such/folder/x"), "--", "/bin/true"});
  for (const char* const bad : {"-1", "0", "nan", "inf", "-inf", "soon"}) {
    refused({"record", "-o", path("x"), "-d", bad, "--", "/bin/true"});
  }
  EXPECT_NE(refused({"record", "-o", path("x"), "--leave-out", "sched_swich", "-d", "0.05"})
                .find("sched_switch"),
            std::string::npos);
  EXPECT_TRUE(list().empty());
}

}  // namespace
}  // namespace trefoil::lab
