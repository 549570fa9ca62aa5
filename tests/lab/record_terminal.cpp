// SPDX-License-Identifier: Apache-2.0
// `trefoil record` on a terminal: what people see of it, and Ctrl-C.
#include "lab/recording/reader.hpp"
#include "tests/lab/record_run.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

namespace trefoil::lab {
namespace {

class RecordTerminal : public record_run {
 protected:
  ~RecordTerminal() override {
    if (screen_ >= 0) ::close(screen_);
  }

  // In a session of its own, so that Ctrl-C reaches the recorder and its command alone.
  pid_t start_there(std::vector<std::string> arguments) {
    screen_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    std::array<char, 64> name{};
    if (screen_ < 0 || ::grantpt(screen_) != 0 || ::unlockpt(screen_) != 0 ||
        ::ptsname_r(screen_, name.data(), name.size()) != 0) {
      return -1;
    }
    return start(std::move(arguments), [&name] {
      ::setsid();
      const int terminal = ::open(name.data(), O_RDWR);
      ::ioctl(terminal, TIOCSCTTY, 0);
      for (const int one : {0, 1, 2}) ::dup2(terminal, one);
    });
  }

  // All that is written there until that text comes, or until nobody has the terminal any more.
  bool shows(const std::string& text) {
    while (shown_.find(text) == std::string::npos) {
      pollfd one{screen_, POLLIN, 0};
      std::array<char, 4096> more{};
      if (::poll(&one, 1, 30'000) != 1) return false;
      const ssize_t got = ::read(screen_, more.data(), more.size());
      if (got <= 0) return false;
      shown_.append(more.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
  void press_ctrl_c() const { EXPECT_EQ(::write(screen_, "\x03", 1), 1); }

  int status_of(pid_t recorder) {
    shows("\n(to the end)");
    return wait(recorder).status;
  }

  int screen_ = -1;
  std::string shown_;
};

TEST_F(RecordTerminal, ShowsHowFarItIsAndEndsAtCtrlC) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start_there({"record", "-o", file});
  if (recorder < 0) GTEST_SKIP() << "no terminals here";
  ASSERT_TRUE(shows(" records/s, 0 lost\r\x1b[Krecord ")) << shown_;  // one over another
  press_ctrl_c();
  EXPECT_EQ(status_of(recorder), 0) << shown_;
  EXPECT_NE(shown_.find("\r\x1b[K" + file + ": "), std::string::npos) << shown_;  // wiped first
  EXPECT_GE(recording_reader(file).size(), 0);
  EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
}

TEST_F(RecordTerminal, EndsWithTheCommandThatCtrlCEnds) {
  const std::string file = path("x.trefoil");
  const pid_t recorder =
      start_there({"record", "-o", file, "--", "/bin/sh", "-c", "echo on; exec sleep 600"});
  if (recorder < 0) GTEST_SKIP() << "no terminals here";
  ASSERT_TRUE(shows("on\r\n")) << shown_;
  press_ctrl_c();
  EXPECT_EQ(status_of(recorder), 128 + SIGINT) << shown_;
  EXPECT_GT(recording_reader(file).size(), 0);
}

// The second one is for the command alone: the recording is whole.
TEST_F(RecordTerminal, KillsTheCommandAtTheSecondCtrlC) {
  const std::string file = path("x.trefoil");
  const pid_t recorder = start_there(
      {"record", "-o", file, "--", "/bin/sh", "-c", "trap '' INT TERM; echo on; exec sleep 600"});
  if (recorder < 0) GTEST_SKIP() << "no terminals here";
  ASSERT_TRUE(shows("on\r\n")) << shown_;
  press_ctrl_c();
  ASSERT_TRUE(shows("Ctrl-C kills it")) << shown_;
  press_ctrl_c();
  press_ctrl_c();  // and one more while it writes
  EXPECT_EQ(status_of(recorder), 128 + SIGKILL) << shown_;
  EXPECT_GT(recording_reader(file).size(), 0);
  EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
}

}  // namespace
}  // namespace trefoil::lab
