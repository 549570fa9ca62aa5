// SPDX-License-Identifier: Apache-2.0
#include "tracer.hpp"

#include <elf.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace faults {

namespace {

volatile sig_atomic_t over_time = 0;
extern "C" void time_is_over(int) { over_time = 1; }

long trace(__ptrace_request what, pid_t who, std::uint64_t at = 0, std::uint64_t data = 0) {
  return ptrace(what, who, at, data);
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Where the program itself begins: the dynamic linker has done its work by then.
std::uint64_t entry_of(pid_t who) {
  std::ifstream file("/proc/" + std::to_string(who) + "/auxv", std::ios::binary);
  for (std::array<std::uint64_t, 2> entry{};
       file.read(reinterpret_cast<char*>(&entry), sizeof entry);) {
    if (entry[0] == AT_ENTRY) return entry[1];
  }
  throw std::runtime_error("the program has no entry");
}

}  // namespace

tracer::tracer(const trial& what, shared_counts& shared) : what_(what), shared_(shared) {}

void tracer::start() {
  // What the program leaves running becomes ours.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  main_ = fork();
  if (main_ < 0) fail("fork");
  if (main_ == 0) {
    personality(ADDR_NO_RANDOMIZE);  // the same places in every run
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    if (!what_.allocations.empty()) setenv("LD_PRELOAD", what_.allocations.c_str(), 1);
    raise(SIGSTOP);
    execvp(what_.command.front(), what_.command.data());
    std::perror(what_.command.front());
    _exit(127);
  }
  int status = 0;
  if (waitpid(main_, &status, 0) != main_ || !WIFSTOPPED(status)) fail("the program does not stop");
  trace(PTRACE_SETOPTIONS, main_, 0,
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACECLONE |
            PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL);
  trace(PTRACE_CONT, main_);
  if (waitpid(main_, &status, 0) != main_ || status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
    throw std::runtime_error("the program cannot be started");
  }
  run_to_its_entry();
  tracees_[main_].new_one = false;
}

void tracer::run_to_its_entry() {
  const std::uint64_t entry = entry_of(main_);
  const long before = trace(PTRACE_PEEKTEXT, main_, entry);
  constexpr std::uint64_t breakpoint = 0xCC;
  trace(PTRACE_POKETEXT, main_, entry,
        (static_cast<std::uint64_t>(before) & ~std::uint64_t{0xFF}) | breakpoint);
  trace(PTRACE_CONT, main_);
  int status = 0;
  if (waitpid(main_, &status, 0) != main_ || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
    throw std::runtime_error("the program ends before its beginning");
  }
  trace(PTRACE_POKETEXT, main_, entry, static_cast<std::uint64_t>(before));
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, main_, nullptr, &registers);
  registers.rip = entry;
  ptrace(PTRACE_SETREGS, main_, nullptr, &registers);
  if (!what_.list) return;
  std::ifstream maps("/proc/" + std::to_string(main_) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    char dash = 0;
    std::string rights;
    std::istringstream(line) >> std::hex >> from >> dash >> to >> rights;
    if (rights.find('x') != std::string::npos) code_.emplace_back(from, to);
  }
}

outcome tracer::run() {
  start();
  struct sigaction action {};
  action.sa_handler = time_is_over;
  sigaction(SIGALRM, &action, nullptr);
  alarm(what_.seconds);
  go_on(main_, tracees_[main_], 0);
  bool main_ended = false;
  while (!tracees_.empty() && !result_.hung) {
    int status = 0;
    const pid_t who = waitpid(-1, &status, __WALL);
    if (who < 0) {
      if (errno != EINTR) break;
      result_.hung = over_time != 0;
      continue;
    }
    if (WIFSTOPPED(status)) {
      stopped(who, status);
      continue;
    }
    tracees_.erase(who);
    if (who != main_) continue;
    main_ended = true;
    if (WIFEXITED(status)) result_.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    break;
  }
  alarm(0);
  if (!main_ended) result_.hung = true;
  kill_what_is_left();
  return std::move(result_);
}

void tracer::stopped(pid_t who, int status) {
  tracee& it = tracees_[who];
  const int signal = WSTOPSIG(status);
  if (signal == (SIGTRAP | 0x80)) {
    system_call_stop(who, it);
    go_on(who, it, 0);
    return;
  }
  const int event = status >> 16;
  if (event == PTRACE_EVENT_EXEC) {  // another program: none of ours
    tracees_.erase(who);
    ptrace(PTRACE_DETACH, who, nullptr, nullptr);
    return;
  }
  if (event == PTRACE_EVENT_EXIT && who == main_) note_open_files();
  const bool ours = event != 0 || (it.new_one && signal == SIGSTOP);
  it.new_one = false;
  go_on(who, it, ours ? 0 : signal);
}

void tracer::go_on(pid_t who, const tracee& it, int signal) {
  const bool watched = what_.list || (what_.system_call != 0 && !done_) || it.pending;
  trace(watched ? PTRACE_SYSCALL : PTRACE_CONT, who, 0, static_cast<std::uint64_t>(signal));
}

void tracer::system_call_stop(pid_t who, tracee& it) {
  __ptrace_syscall_info info{};
  ptrace(PTRACE_GET_SYSCALL_INFO, who, sizeof info, &info);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) begins(who, it);
  if (info.op == PTRACE_SYSCALL_INFO_EXIT && it.pending) ends(who, it);
}

void tracer::begins(pid_t who, tracee& it) {
  user_regs_struct now{};
  ptrace(PTRACE_GETREGS, who, nullptr, &now);
  const system_call call{static_cast<long>(now.orig_rax),
                         {now.rdi, now.rsi, now.rdx, now.r10, now.r8, now.r9}};
  const std::vector<way> ways = call.ways();
  std::vector<std::uint64_t>& counts = result_.system_calls;
  counts.resize(std::max(counts.size(), ways.size()));
  for (std::size_t i = 0; i < ways.size(); ++i) ++counts[i];
  seen_call seen{call.name(), ways, now.rdi, 0};
  if (what_.list) {
    seen.place = place_of(now.rip, now.rsp);
    result_.listed.push_back(seen);
  }
  if (done_ || what_.system_call == 0 || ways.size() <= what_.way ||
      counts[what_.way] != what_.system_call) {
    return;
  }
  done_ = true;
  it.pending = ways[what_.way];
  it.first = now.rdi;
  it.third = now.rdx;
  seen.ways = {*it.pending};
  result_.failed = std::move(seen);
  switch (it.pending->how) {
    case manner::instead: now.orig_rax = ~0ULL; break;
    case manner::no_more: now.rdi = 0; break;
    case manner::shorter: now.rdx /= 2; break;
    case manner::after: return;
  }
  ptrace(PTRACE_SETREGS, who, nullptr, &now);
}

void tracer::ends(pid_t who, tracee& it) {
  const way how = *it.pending;
  it.pending.reset();
  user_regs_struct now{};
  ptrace(PTRACE_GETREGS, who, nullptr, &now);
  now.rdi = it.first;  // a system call leaves its arguments as they are
  now.rdx = it.third;
  if (how.error != 0) now.rax = static_cast<unsigned long long>(-static_cast<long long>(how.error));
  ptrace(PTRACE_SETREGS, who, nullptr, &now);
}

void tracer::note_open_files() {
  const std::string folder = "/proc/" + std::to_string(main_) + "/fd";
  std::error_code none;
  for (const auto& one : std::filesystem::directory_iterator(folder, none)) {
    const std::string number = one.path().filename().string();
    if (std::stoi(number) <= 2) continue;
    result_.left_open.push_back(std::filesystem::read_symlink(one.path(), none).string());
  }
}

// Of what the program started nothing may outlive it; what is about to end is given a moment.
void tracer::kill_what_is_left() {
  if (result_.hung) kill(main_, SIGKILL);
  // What is traced still waits for us.
  for (const auto& [who, it] : tracees_) {
    if (who != main_) trace(PTRACE_DETACH, who);
  }
  for (int looks = 0; looks < 100; ++looks) {
    int status = 0;
    pid_t who = 0;
    while ((who = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
      if (WIFSTOPPED(status)) trace(PTRACE_DETACH, who);
    }
    if (who < 0) return;  // nobody there
    usleep(10'000);
  }
  std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
  for (pid_t one = 0; children >> one;) {
    if (one != main_) result_.left_running.push_back(one);
    kill(one, SIGKILL);
  }
  while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {}
}

std::uint64_t tracer::place_of(std::uint64_t instruction, std::uint64_t stack) {
  std::array<std::uint64_t, 64> words{};
  const iovec here{words.data(), sizeof words};
  const iovec there{reinterpret_cast<void*>(stack),
                    sizeof words};  // NOLINT(performance-no-int-to-ptr)
  process_vm_readv(main_, &here, 1, &there, 1, 0);
  std::uint64_t sum = 1469598103934665603U;  // FNV-1a
  const auto add = [&](std::uint64_t word) { sum = (sum ^ word) * 1099511628211U; };
  add(instruction);
  for (const std::uint64_t word : words) {
    const auto has = [&](const auto& range) { return word >= range.first && word < range.second; };
    if (std::any_of(code_.begin(), code_.end(), has)) add(word);
  }
  return sum;
}

}  // namespace faults
