// SPDX-License-Identifier: Apache-2.0
#include "lab/record/command.hpp"

#include "lab/error.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

[[noreturn]] void fail(const std::string& what, int code) {
  throw error(fault::input, "record: " + what + ": " + std::generic_category().message(code));
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe", errno);
  return ends;
}

[[noreturn]] void run_child(std::vector<char*>& words, int gate, int complaint,
                            const std::optional<sudo_user>& on_behalf_of) {
  char go = 0;
  ssize_t got = 0;
  while ((got = ::read(gate, &go, 1)) < 0 && errno == EINTR) {}
  if (got != 1) ::_exit(0);
  int code = 0;
  try {
    if (on_behalf_of) become(*on_behalf_of);
    ::signal(SIGXFSZ, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);  // that the recorder ignores it is its own affair
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction now {};
      if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
        ::signal(number, SIG_DFL);
      }
    }
    ::execvp(words.front(), words.data());
    code = errno;
  } catch (const error&) { code = EPERM; }
  static_cast<void>(!::write(complaint, &code, sizeof code));
  ::_exit(127);
}

}  // namespace

command::command(const std::vector<std::string>& words,
                 const std::optional<sudo_user>& on_behalf_of, bool to_stderr)
    : name_(words.front()) {
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string& one : copies) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  std::array<int, 2> gate{};  // a socket: to write to it when the child is gone is no signal
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate.data()) != 0) fail("socket", errno);
  ::signal(SIGCHLD, SIG_DFL);  // whoever ignores it is not told how a child ended
  const auto complaint = make_pipe();
  child_ = ::fork();
  if (child_ < 0) fail("fork", errno);
  if (child_ == 0) {
    ::close(gate[1]);
    if (to_stderr) ::dup2(STDERR_FILENO, STDOUT_FILENO);
    run_child(pointers, gate[0], complaint[1], on_behalf_of);
  }
  ::close(gate[0]);
  ::close(complaint[1]);
  gate_ = gate[1];
  complaint_ = complaint[0];
}

command::~command() {
  if (gate_ >= 0) {
    ::close(gate_);
    if (!status_) ::waitpid(child_, nullptr, 0);
  } else {
    send(SIGTERM);
  }
  if (complaint_ >= 0) ::close(complaint_);
}

void command::let_go() {
  const char go = 1;
  if (::send(gate_, &go, 1, MSG_NOSIGNAL) != 1) fail(name_, errno);
  ::close(std::exchange(gate_, -1));
  // The other end closes by itself when the program begins.
  int code = 0;
  ssize_t got = 0;
  while ((got = ::read(complaint_, &code, sizeof code)) < 0 && errno == EINTR) {}
  if (got == sizeof code) {
    ::waitpid(child_, nullptr, 0);
    status_ = 127;
    fail("cannot start " + name_, code);
  }
}

std::optional<int> command::status() {
  int how = 0;
  if (!status_ && ::waitpid(child_, &how, WNOHANG) == child_) {
    status_ = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  }
  return status_;
}

bool command::ends_within(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds look(10);
  for (; !status() && patience.count() > 0; patience -= look) std::this_thread::sleep_for(look);
  return status().has_value();
}

void command::send(int signal) const {
  if (!status_) ::kill(child_, signal);
}

}  // namespace trefoil::lab
