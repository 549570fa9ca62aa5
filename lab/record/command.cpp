// SPDX-License-Identifier: Apache-2.0
#include "lab/record/command.hpp"

#include "lab/error.hpp"
#include "lab/inherited_signals.hpp"
#include "lab/signals_blocked.hpp"
#include "lab/system_reason.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

[[noreturn]] void fail(const std::string& what, int code) {
  throw error(fault::input, "record: " + what + ": " + system_reason(code));
}

using both_ends = std::array<descriptor, 2>;

both_ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe", errno);
  return {descriptor(ends[0]), descriptor(ends[1])};
}

// A socket: to write to it when the child is gone is no signal.
both_ends make_gate() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("socket", errno);
  return {descriptor(ends[0]), descriptor(ends[1])};
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
    inherited_signals::of_this_process().give_back();
    ::execvp(words.front(), words.data());
    code = errno;
  } catch (const error&) { code = EPERM; } catch (...) {
    code = ENOMEM;
  }  // nothing of the recorder may go on in this process
  static_cast<void>(!::write(complaint, &code, sizeof code));
  ::_exit(127);
}

}  // namespace

command::command(children& ours, const std::vector<std::string>& words,
                 const std::optional<sudo_user>& on_behalf_of, bool to_stderr)
    : children_(ours), name_(words.front()) {
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string& one : copies) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  both_ends gate = make_gate();
  both_ends complaint = make_pipe();
  // In the child until it is the program: a signal that comes before is for that.
  const signals_blocked meanwhile;
  child_ = fork_for(name_);
  if (child_ == 0) {
    ::close(gate[1].get());
    if (to_stderr) ::dup2(STDERR_FILENO, STDOUT_FILENO);
    run_child(pointers, gate[0].get(), complaint[1].get(), on_behalf_of);
  }
  children_.keep(child_);
  gate_ = std::move(gate[1]);
  complaint_ = std::move(complaint[0]);
}

command::~command() {
  if (gate_.get() >= 0) {
    gate_ = descriptor(-1);
    ends_within(std::chrono::seconds(1));
  } else {
    send(SIGTERM);
  }
}

void command::let_go() {
  const char go = 1;
  if (::send(gate_.get(), &go, 1, MSG_NOSIGNAL) != 1) fail(name_, errno);
  gate_ = descriptor(-1);
  // The other end closes by itself when the program begins.
  int code = 0;
  ssize_t got = 0;
  while ((got = ::read(complaint_.get(), &code, sizeof code)) < 0 && errno == EINTR) {}
  if (got == sizeof code) fail("cannot start " + name_, code);
}

bool command::ends_within(std::chrono::milliseconds patience) const {
  constexpr std::chrono::milliseconds look(10);
  for (; !status() && patience.count() > 0; patience -= look) std::this_thread::sleep_for(look);
  return status().has_value();
}

void command::send(int signal) const {
  const signals_blocked meanwhile;  // once it is reaped, its number may be another's
  if (!status()) ::kill(child_, signal);
}

}  // namespace trefoil::lab
