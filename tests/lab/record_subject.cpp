// SPDX-License-Identifier: Apache-2.0
// A program to be recorded: does what its tests then look for, and says whose pid did what.
//
//   record_subject            each kind of end once
//   record_subject busy       a million of objects freed, then three children
//   record_subject foreign    waits for a line on stdin, then forks three children that exit
//   record_subject threads    40 threads, one after the other
//   record_subject lazy       3,000 threads, of which each leaves a CPU a lazy user
//   record_subject life       children that differ in what they share, have and do
//   record_subject storm      stops its parent, the recorder, until 45,000 children have come and gone
//   record_subject siblings   children of its parent (CLONE_PARENT); 3 if they are gone once they have ended, else 9
//   record_subject oom FILE   a child that FILE (a cgroup.procs) takes, and that wants more than it gets there
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

void say(const char* what, pid_t who) {
  std::printf("%s %d\n", what, who);
  std::fflush(stdout);
}

// A child that reports through a pipe what it has got, and exits when told.
struct child {
  template <class Work>
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

void fork_children(int number) {
  for (int i = 0; i < number; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, nullptr, 0);
  }
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

// The last reference: a file about a process that is dead when it is closed.
void let_go_last(const child& dead, int held, const char* what) {
  dead.end();
  usleep(20000);
  run_on_every_cpu();
  if (held < 0) return;
  close(held);
  say(what, dead.pid);
}

void hold_proc(const char* file) {
  const child c([] { return 0; });
  const std::string path = "/proc/" + std::to_string(c.pid) + "/" + file;
  let_go_last(c, open(path.c_str(), O_RDONLY), file);
}

int make_userfaultfd() {
  const int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  uffdio_api api{};
  api.api = UFFD_API;
  return fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 ? fd : -1;
}

int make_virtual_machine() {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  return kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
}

// Made by the child, and taken from it.
void hold_descriptor(int (*make)(), const char* what) {
  const child c(make);
  int taken = -1;
  if (c.result >= 0) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, c.pid, 0));
    taken = static_cast<int>(syscall(SYS_pidfd_getfd, process, c.result, 0));
    close(process);
  }
  let_go_last(c, taken, what);
}

template <class Work>
void end_threads(int number, Work work) {
  for (int i = 0; i < number; ++i) std::thread(work).join();
}

// One touched page in each of so many page tables.
void spread_pages(std::size_t page_tables) {
  constexpr std::size_t reach = std::size_t{2} << 20;
  void* const made = mmap(nullptr, page_tables * reach, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) _exit(4);
  madvise(made, page_tables * reach, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < page_tables; ++i) static_cast<char*>(made)[i * reach] = 1;
}

void stay_on_the_last_cpu() {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &allowed)) --last;
  CPU_ZERO(&allowed);
  CPU_SET(last, &allowed);
  sched_setaffinity(0, sizeof allowed, &allowed);
  say("cpu", last);
}

// Three that live at once, and have gone one after the other.
void end_three_threads() {
  std::vector<std::thread> all;
  std::vector<pid_t> ids(3);
  std::vector<int> go;
  for (pid_t& id : ids) {
    int up[2];
    int down[2];
    if (pipe(up) != 0 || pipe(down) != 0) _exit(3);
    all.emplace_back([&id, from = down[0], to = up[1]] {
      id = gettid();
      char c = 0;
      if (write(to, &c, 1) != 1 || read(from, &c, 1) != 1) _exit(3);
    });
    char c = 0;
    if (read(up[0], &c, 1) != 1) _exit(3);
    go.push_back(down[1]);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    say("three", ids[i]);
    if (write(go[i], "", 1) != 1) _exit(3);
    all[i].join();
    const std::string its = "/proc/self/task/" + std::to_string(ids[i]);
    while (access(its.c_str(), F_OK) == 0) sched_yield();
  }
}

// As vfork() does; that one's compilers would have no locals around it.
pid_t share_memory_and_exit() {
  alignas(16) static char stack[16384];
  const pid_t pid = clone([](void*) { return 0; }, stack + sizeof stack,
                          CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
  waitpid(pid, nullptr, 0);
  return pid;
}

template <class Work>
void live(const char* what, Work work) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NAME, "trefoil-life");
    work();
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  say(what, pid);
}

void live_apart() {
  live("wide", [] {
    stay_on_the_last_cpu();
    spread_pages(512);
    end_three_threads();
  });
  live("wide-exec", [] {
    spread_pages(512);
    execl("/bin/true", "true", nullptr);
  });
  live("failed-exec", [] {
    stay_on_the_last_cpu();  // what was noted of a birth elsewhere is not found
    const int made = static_cast<int>(syscall(SYS_memfd_create, "nothing", 0));
    if (write(made, "nothing", 7) != 7) _exit(3);
    const int file = open(("/proc/self/fd/" + std::to_string(made)).c_str(), O_RDONLY);
    close(made);  // nobody runs what somebody may write
    execl(("/proc/self/fd/" + std::to_string(file)).c_str(), "nothing", nullptr);
  });
  live("sqpoll", [] {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SQPOLL;
    syscall(SYS_io_uring_setup, 4, &parameters);
  });
  say("vfork", share_memory_and_exit());
  const auto shares_files =
      static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  if (shares_files == 0) _exit(0);
  waitpid(shares_files, nullptr, 0);
  say("shares-files", shares_files);
}

// More than the recorder's ring has room for.
void storm_over(pid_t recorder) {
  const std::string path = "/proc/" + std::to_string(recorder) + "/stat";
  kill(recorder, SIGSTOP);
  for (bool stopped = false; !stopped; sched_yield()) {
    char text[64] = {};
    const int file = open(path.c_str(), O_RDONLY);
    static_cast<void>(!read(file, text, sizeof text - 1));
    close(file);
    stopped = std::strstr(text, ") T") != nullptr;
  }
  for (int i = 0; i < 45'000; ++i) share_memory_and_exit();
  kill(recorder, SIGCONT);
}

void be_killed(const char* procs) {
  const pid_t pid = fork();
  if (pid == 0) {
    const int file = open(procs, O_WRONLY);
    const std::string self = std::to_string(getpid());
    if (write(file, self.data(), self.size()) < 0) _exit(3);
    constexpr std::size_t bytes = std::size_t{96} << 20;
    void* const all =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(all, 1, bytes);
    _exit(0);
  }
  int how = 0;
  waitpid(pid, &how, 0);
  if (WIFSIGNALED(how)) say("victim", pid);
  usleep(20000);
  run_on_every_cpu();  // on an idle machine a lazy CPU would keep it longer than its thread group does
}

int make_siblings() {
  for (int i = 0; i < 5; ++i) {
    const long made = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (made == 0) _exit(9);
    bool there = made > 0;
    for (int n = 0; n < 1000 && there; ++n, usleep(10000))
      there = kill(static_cast<pid_t>(made), 0) == 0;
    if (there) return 9;
  }
  return 3;
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
    fork_children(3);
    return read(0, &c, 1) == 0 ? 0 : 1;
  }
  if (argc > 1 && std::strcmp(argv[1], "siblings") == 0) return make_siblings();
  if (argc > 1 && std::strcmp(argv[1], "busy") == 0) {
    // Each allocates room for a name, and frees it.
    for (int i = 0; i < 1'300'000; ++i) static_cast<void>(access("/none", F_OK));
    fork_children(3);
    return 0;
  }
  say("self", getpid());
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "threads") end_threads(40, [] { say("thread", gettid()); });
  if (what == "lazy") end_threads(3000, [] {});
  if (what == "life") live_apart();
  if (what == "storm") storm_over(getppid());
  if (what == "oom" && argc > 2) {
    be_killed(argv[2]);
    // The OOM reaper has a victim for two seconds; grace periods and a worker come after that, which on a
    // busy machine once took more than another.
    sleep(10);
  }
  if (!what.empty()) _exit(0);
  leave_io_uring();  // first: a kworker lets go of it, after a grace period or two
  fork_and_exec();
  for (const char* const file : {"mem", "maps", "smaps_rollup", "pagemap"}) hold_proc(file);
  hold_descriptor(make_userfaultfd, "userfaultfd");
  hold_descriptor(make_virtual_machine, "kvm");
  usleep(500000);
  std::fflush(nullptr);
  _exit(7);  // without what a sanitizer does at the end: its helper would be one child more
}
