// SPDX-License-Identifier: Apache-2.0
// System calls that fail for a program, as they do on other kernels and file systems, or where a disk is
// broken: done to the new process before it is that program.
#ifndef TREFOIL_TESTS_LAB_FAILING_CALLS_HPP
#define TREFOIL_TESTS_LAB_FAILING_CALLS_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

namespace trefoil::lab {

struct failing_call {
  unsigned number = 0;         // SYS_...
  int code = 0;                // errno
  unsigned argument = 0;       // the one that is looked at
  std::uint32_t has_bits = 0;  // fails only if these are set in it; 0: always
};

constexpr int no_filter_here = 77;  // the status of a process that may not have one

inline void fail_calls(std::initializer_list<failing_call> all) {
  const auto word_of = [](unsigned argument) {  // the lower half, in little endian
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * argument;
  };
  std::vector<sock_filter> filter;
  for (const failing_call& one : all) {
    const std::uint32_t fail =
        SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(one.code) & SECCOMP_RET_DATA);
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one.number, 0, 4));
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, word_of(one.argument)));
    filter.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, one.has_bits));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one.has_bits, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, fail));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(no_filter_here);
}

}  // namespace trefoil::lab

#endif
