// SPDX-License-Identifier: Apache-2.0
/// @file
/// How each system call can fail, on a machine that is short of something.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

namespace faults {

/// What the tracer does with the call.
enum class manner : std::uint8_t {
  instead,  ///< it is not made; the program is told that it failed
  after,  ///< it is made, then the program is told that it failed (close() frees the number all the same)
  shorter,  ///< it is made for half of what was asked for
  no_more,  ///< brk() tells of a failure by what it returns: the end as it was
};

struct way {
  manner how;
  int error;  ///< 0 where it is not said by a number
};

struct system_call {
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};

  [[nodiscard]] std::string name() const;
  /// Empty: whoever passes valid arguments is never refused, so nothing is to be tried. A call that is
  /// not known here is refused by EPERM, as by a container's filter.
  [[nodiscard]] std::vector<way> ways() const;
};

namespace detail {

struct known_call {
  long number;
  const char* name;
  std::vector<way> ways;
};

inline way fails(int error) { return {manner::instead, error}; }

#define TREFOIL_CALL(name, ...)                                                                    \
  { SYS_##name, #name, std::vector<way> __VA_ARGS__ }

inline const std::vector<known_call>& known_calls() {
  static const way shorter{manner::shorter, 0};
  static const std::vector<known_call> all{
      // files
      TREFOIL_CALL(open, {fails(EMFILE), fails(EACCES)}),
      TREFOIL_CALL(openat, {fails(EMFILE), fails(EACCES)}),
      TREFOIL_CALL(creat, {fails(ENOSPC)}),
      TREFOIL_CALL(read, {fails(EIO), shorter}),
      TREFOIL_CALL(pread64, {fails(EIO), shorter}),
      TREFOIL_CALL(readv, {fails(EIO)}),
      TREFOIL_CALL(write, {fails(ENOSPC), shorter}),
      TREFOIL_CALL(pwrite64, {fails(ENOSPC), shorter}),
      TREFOIL_CALL(writev, {fails(ENOSPC)}),
      TREFOIL_CALL(close, {{manner::after, EIO}}),
      TREFOIL_CALL(fsync, {fails(EIO)}),
      TREFOIL_CALL(fdatasync, {fails(EIO)}),
      TREFOIL_CALL(ftruncate, {fails(EIO)}),
      TREFOIL_CALL(fallocate, {fails(ENOSPC)}),
      TREFOIL_CALL(stat, {fails(EACCES), fails(ENOMEM)}),
      TREFOIL_CALL(lstat, {fails(EACCES), fails(ENOMEM)}),
      TREFOIL_CALL(newfstatat, {fails(ENOMEM), fails(EIO)}),
      TREFOIL_CALL(statx, {fails(ENOMEM), fails(EIO)}),
      TREFOIL_CALL(fstat, {fails(EIO)}),
      TREFOIL_CALL(statfs, {fails(EIO)}),
      TREFOIL_CALL(fstatfs, {fails(EIO)}),
      TREFOIL_CALL(access, {fails(EACCES), fails(EIO)}),
      TREFOIL_CALL(faccessat, {fails(EACCES)}),
      TREFOIL_CALL(readlink, {fails(ENOMEM), fails(EACCES)}),
      TREFOIL_CALL(readlinkat, {fails(ENOMEM)}),
      TREFOIL_CALL(getcwd, {fails(ENOENT), fails(ENOMEM)}),
      TREFOIL_CALL(getdents64, {fails(EIO)}),
      TREFOIL_CALL(unlink, {fails(EIO)}),
      TREFOIL_CALL(unlinkat, {fails(EIO)}),
      TREFOIL_CALL(rename, {fails(EIO)}),
      TREFOIL_CALL(renameat, {fails(EIO)}),
      TREFOIL_CALL(renameat2, {fails(EIO), fails(EINVAL)}),
      TREFOIL_CALL(link, {fails(EMLINK)}),
      TREFOIL_CALL(linkat, {fails(EPERM), fails(ENOENT)}),
      TREFOIL_CALL(mkdir, {fails(ENOSPC)}),
      TREFOIL_CALL(mkdirat, {fails(ENOSPC)}),
      TREFOIL_CALL(fchmod, {fails(EPERM)}),
      TREFOIL_CALL(fchown, {fails(EPERM)}),
      TREFOIL_CALL(chmod, {fails(EPERM)}),
      TREFOIL_CALL(dup, {fails(EMFILE)}),
      TREFOIL_CALL(dup2, {fails(EMFILE)}),
      TREFOIL_CALL(dup3, {fails(EMFILE)}),
      TREFOIL_CALL(pipe, {fails(EMFILE)}),
      TREFOIL_CALL(pipe2, {fails(EMFILE)}),
      TREFOIL_CALL(lseek, {}),
      TREFOIL_CALL(umask, {}),
      // sockets and events
      TREFOIL_CALL(socket, {fails(EMFILE)}),
      TREFOIL_CALL(socketpair, {fails(EMFILE)}),
      TREFOIL_CALL(connect, {fails(ECONNREFUSED)}),
      TREFOIL_CALL(sendto, {fails(ENOBUFS), fails(EPIPE)}),
      TREFOIL_CALL(recvfrom, {fails(ENOMEM)}),
      TREFOIL_CALL(sendmsg, {fails(ENOBUFS)}),
      TREFOIL_CALL(recvmsg, {fails(ENOMEM)}),
      TREFOIL_CALL(eventfd2, {fails(EMFILE)}),
      TREFOIL_CALL(timerfd_create, {fails(EMFILE)}),
      TREFOIL_CALL(memfd_create, {fails(EMFILE)}),
      TREFOIL_CALL(epoll_create1, {fails(EMFILE)}),
      TREFOIL_CALL(epoll_ctl, {fails(ENOMEM)}),
      TREFOIL_CALL(epoll_wait, {fails(EINTR)}),
      TREFOIL_CALL(epoll_pwait, {fails(EINTR)}),
      TREFOIL_CALL(poll, {fails(EINTR), fails(ENOMEM)}),
      TREFOIL_CALL(ppoll, {fails(EINTR), fails(ENOMEM)}),
      TREFOIL_CALL(select, {fails(EINTR), fails(ENOMEM)}),
      TREFOIL_CALL(pselect6, {fails(EINTR), fails(ENOMEM)}),
      // memory
      TREFOIL_CALL(mmap, {fails(ENOMEM)}),
      TREFOIL_CALL(munmap, {fails(ENOMEM)}),
      TREFOIL_CALL(mremap, {fails(ENOMEM)}),
      TREFOIL_CALL(mprotect, {fails(ENOMEM)}),
      TREFOIL_CALL(madvise, {fails(EAGAIN)}),
      TREFOIL_CALL(brk, {{manner::no_more, 0}}),
      // processes and threads
      TREFOIL_CALL(clone, {fails(EAGAIN)}),
      TREFOIL_CALL(clone3, {fails(EAGAIN)}),
      TREFOIL_CALL(fork, {fails(EAGAIN)}),
      TREFOIL_CALL(vfork, {fails(EAGAIN)}),
      TREFOIL_CALL(execve, {fails(ENOMEM)}),
      TREFOIL_CALL(wait4, {fails(EINTR)}),
      TREFOIL_CALL(waitid, {fails(EINTR)}),
      TREFOIL_CALL(kill, {fails(EPERM)}),
      TREFOIL_CALL(tgkill, {fails(EAGAIN)}),
      TREFOIL_CALL(pidfd_open, {fails(EMFILE)}),
      TREFOIL_CALL(prctl, {fails(EPERM)}),
      TREFOIL_CALL(prlimit64, {fails(EPERM)}),
      TREFOIL_CALL(getrlimit, {fails(EPERM)}),
      TREFOIL_CALL(setrlimit, {fails(EPERM)}),
      TREFOIL_CALL(setuid, {fails(EAGAIN)}),
      TREFOIL_CALL(setgid, {fails(EPERM)}),
      TREFOIL_CALL(setresuid, {fails(EAGAIN)}),
      TREFOIL_CALL(setresgid, {fails(EPERM)}),
      TREFOIL_CALL(setgroups, {fails(ENOMEM)}),
      TREFOIL_CALL(capget, {fails(EINVAL)}),
      TREFOIL_CALL(capset, {fails(EPERM)}),
      TREFOIL_CALL(sched_getaffinity, {fails(EINVAL)}),
      TREFOIL_CALL(sched_setaffinity, {fails(EINVAL)}),
      TREFOIL_CALL(sched_setscheduler, {fails(EPERM)}),
      TREFOIL_CALL(setpriority, {fails(EPERM)}),
      TREFOIL_CALL(membarrier, {fails(ENOMEM)}),
      TREFOIL_CALL(sigaltstack, {fails(ENOMEM)}),
      TREFOIL_CALL(timer_create, {fails(EAGAIN)}),
      TREFOIL_CALL(nanosleep, {fails(EINTR)}),
      TREFOIL_CALL(clock_nanosleep, {fails(EINTR)}),
      TREFOIL_CALL(getrandom, {fails(EAGAIN)}),
      // the kernel's programs
      TREFOIL_CALL(bpf, {fails(ENOMEM)}),
      TREFOIL_CALL(perf_event_open, {fails(EMFILE)}),
      TREFOIL_CALL(rseq,
                   {}),  // glibc ends a program whose first thread got it and a later one does not
      // never refused
      TREFOIL_CALL(exit, {}),
      TREFOIL_CALL(exit_group, {}),
      TREFOIL_CALL(rt_sigreturn, {}),
      TREFOIL_CALL(rt_sigaction, {}),
      TREFOIL_CALL(rt_sigprocmask, {}),
      TREFOIL_CALL(restart_syscall, {}),
      TREFOIL_CALL(sched_yield, {}),
      TREFOIL_CALL(set_tid_address, {}),
      TREFOIL_CALL(set_robust_list, {}),
      TREFOIL_CALL(arch_prctl, {}),
      TREFOIL_CALL(clock_gettime, {}),
      TREFOIL_CALL(clock_getres, {}),
      TREFOIL_CALL(gettimeofday, {}),
      TREFOIL_CALL(getpid, {}),
      TREFOIL_CALL(getppid, {}),
      TREFOIL_CALL(gettid, {}),
      TREFOIL_CALL(getuid, {}),
      TREFOIL_CALL(geteuid, {}),
      TREFOIL_CALL(getgid, {}),
      TREFOIL_CALL(getegid, {}),
      TREFOIL_CALL(getpgrp, {}),
      TREFOIL_CALL(getcpu, {}),
      TREFOIL_CALL(uname, {}),
      TREFOIL_CALL(sysinfo, {}),
      TREFOIL_CALL(timer_settime, {}),
      TREFOIL_CALL(timer_delete, {}),
      TREFOIL_CALL(setitimer, {}),
      // by their arguments, below
      TREFOIL_CALL(fcntl, {}),
      TREFOIL_CALL(ioctl, {}),
      TREFOIL_CALL(futex, {}),
  };
  return all;
}

#undef TREFOIL_CALL

inline const known_call* find(long number) {
  for (const known_call& one : known_calls()) {
    if (one.number == number) return &one;
  }
  return nullptr;
}

}  // namespace detail

inline std::string system_call::name() const {
  const detail::known_call* const known = detail::find(number);
  return known != nullptr ? known->name : "system call " + std::to_string(number);
}

inline std::vector<way> system_call::ways() const {
  using detail::fails;
  switch (number) {
    case SYS_fcntl:
      switch (static_cast<int>(arguments[1])) {
        case F_DUPFD:
        case F_DUPFD_CLOEXEC: return {fails(EMFILE)};
        case F_SETLK:
        case F_SETLKW: return {fails(ENOLCK), fails(EAGAIN)};
        default: return {};  // of a descriptor that is open
      }
    case SYS_ioctl:
      return {fails(arguments[1] == TIOCGWINSZ || arguments[1] == TCGETS ? ENOTTY : EBUSY)};
    case SYS_wait4:  // one that does not wait is not interrupted
      if ((arguments[2] & WNOHANG) != 0) return {};
      break;
    case SYS_futex: {  // to wake is never refused; to wait may be interrupted
      const auto operation = arguments[1] & 0x7f;  // FUTEX_CMD_MASK
      return operation == 0 || operation == 9 ? std::vector<way>{fails(EINTR)} : std::vector<way>{};
    }
    default: break;
  }
  const detail::known_call* const known = detail::find(number);
  std::vector<way> all = known != nullptr ? known->ways : std::vector<way>{fails(EPERM)};
  if (!all.empty() && all.back().how == manner::shorter && arguments[2] < 2) all.pop_back();
  return all;
}

}  // namespace faults
