// SPDX-License-Identifier: Apache-2.0
// A program to be recorded: does what its tests then look for, and says whose pid did what.
//
//   record_subject            each kind of end once
//   record_subject foreign    waits for a line on stdin, then forks three children that exit
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void say(const char* what, pid_t who) {
  std::printf("%s %d\n", what, who);
  std::fflush(stdout);
}

// A child that reports through a pipe what it has got, and exits when told.
template <class Work>
struct child {
  explicit child(Work work) {
    int up[2];
    int down[2];
    if (pipe(up) != 0 || pipe(down) != 0) _exit(3);
    pid = fork();
    if (pid == 0) {
      const int made = work();
      static_cast<void>(!write(up[1], &made, sizeof made));
      char c = 0;
      static_cast<void>(!read(down[0], &c, 1));
      _exit(0);
    }
    static_cast<void>(!read(up[0], &result, sizeof result));
    go = down[1];
    for (const int one : {up[0], up[1], down[0]}) close(one);
  }
  void end() const {
    static_cast<void>(!write(go, "", 1));
    waitpid(pid, nullptr, 0);
    close(go);
  }
  pid_t pid = -1;
  int result = -1;
  int go = -1;
};

// No CPU has a dead one's page tables loaded any more: each that runs a user task gives them back. So what
// is let go of next is the last reference.
void run_on_every_cpu() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  sched_setaffinity(0, sizeof allowed, &allowed);
}

void fork_and_exec() {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  waitpid(pid, nullptr, 0);
  say("exec", pid);
}

void hold_proc_mem() {
  const child c([] { return 0; });
  const int memory = open(("/proc/" + std::to_string(c.pid) + "/mem").c_str(), O_RDONLY);
  c.end();
  usleep(20000);
  run_on_every_cpu();
  if (memory < 0) return;
  close(memory);
  say("mem", c.pid);
}

// Of the child, and taken from it: the parent's is the last reference.
void hold_userfaultfd() {
  const child c([] {
    const int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
    uffdio_api api{};
    api.api = UFFD_API;
    return fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 ? fd : -1;
  });
  int taken = -1;
  if (c.result >= 0) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, c.pid, 0));
    taken = static_cast<int>(syscall(SYS_pidfd_getfd, process, c.result, 0));
    close(process);
  }
  c.end();
  usleep(20000);
  run_on_every_cpu();
  if (taken < 0) return;
  close(taken);
  say("userfaultfd", c.pid);
}

void leave_io_uring() {
  const child c([] {
    io_uring_params parameters{};
    return static_cast<int>(syscall(SYS_io_uring_setup, 4, &parameters));
  });
  c.end();
  if (c.result >= 0) say("io_uring", c.pid);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "foreign") == 0) {
    char c = 0;
    if (read(0, &c, 1) != 1) return 1;
    for (int i = 0; i < 3; ++i) {
      const pid_t pid = fork();
      if (pid == 0) _exit(0);
      waitpid(pid, nullptr, 0);
    }
    return read(0, &c, 1) == 0 ? 0 : 1;
  }
  say("self", getpid());
  leave_io_uring();  // first: a kworker lets go of it, after a grace period or two
  fork_and_exec();
  hold_proc_mem();
  hold_userfaultfd();
  usleep(500000);
  std::fflush(nullptr);
  _exit(7);  // without what a sanitizer does at the end: its helper would be one child more
}
