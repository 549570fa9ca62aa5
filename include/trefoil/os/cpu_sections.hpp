// SPDX-License-Identifier: Apache-2.0
/// @file
/// An add to the present CPU's cell without a lock: a restartable sequence (rseq(2)). The kernel starts it
/// again whenever the thread was preempted, moved, or interrupted by a signal before the add was made.
///
/// glibc registers each thread since 2.35. Left out under ThreadSanitizer, which cannot see it, and with
/// TREFOIL_CPU_SECTIONS defined as 0: then in all parts of a process, which must agree about it.
#pragma once

#include <cstddef>  // first: says whether this is glibc

#if !defined(TREFOIL_CPU_SECTIONS)
#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__) && defined(__GLIBC__) &&        \
    !defined(__SANITIZE_THREAD__)
#if __GLIBC_PREREQ(2, 35)
#define TREFOIL_CPU_SECTIONS 1
#endif
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TREFOIL_CPU_SECTIONS
#endif
#endif
#if !defined(TREFOIL_CPU_SECTIONS)
#define TREFOIL_CPU_SECTIONS 0
#endif
#endif

#if TREFOIL_CPU_SECTIONS

#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "trefoil/attributes.hpp"

namespace trefoil::detail {

class TREFOIL_ONE_PER_PROCESS cpu_sections {
 public:
  /// Adds n to the cell of the present CPU: at `open - 1 + cpu * Stride`, if `open` is odd and the CPU is
  /// known and below `cpus`; else false. Context: any. What was done before is visible to whoever comes
  /// after a restart(); what was done before `open` was opened is visible to the caller. Cost: some ten instructions, none of them locked.
  template <std::size_t Stride>
  [[nodiscard]] TREFOIL_ALWAYS_INLINE static bool add(const std::atomic<std::uint64_t>& open,
                                                      const std::atomic<std::uint32_t>& cpus,
                                                      std::uint64_t n) noexcept {
    static_assert((Stride & (Stride - 1)) == 0);
  again:
    // The section is what stands between 1 and 2; its last instruction is the add. The descriptor at 5
    // says so to the kernel, for as long as the thread's area (%fs:area) names it: it is taken back
    // afterwards, as the code may be unloaded. The abort handler, at 4, has the signature before it that
    // glibc has registered.
    // %rax, %rcx: nothing else may be written in between, as it would be written twice.
    asm goto(".pushsection __rseq_cs, \"aw?\"\n\t"
             ".balign 32\n"
             "5:\n\t"
             ".long 0, 0\n\t"
             ".quad 1f, 2f - 1f, 4f\n\t"
             ".popsection\n\t"
             "leaq 5b(%%rip), %%rax\n\t"
             "movq %%rax, %%fs:%c[cs](%[area])\n"
             "1:\n\t"
             "movq %[open], %%rax\n\t"
             "testb $1, %%al\n\t"
             "jz 3f\n\t"
             "movl %%fs:%c[cpu](%[area]), %%ecx\n\t"
             "cmpl %[cpus], %%ecx\n\t"
             "jae 3f\n\t"
             "shlq %[shift], %%rcx\n\t"
             "addq %[n], -1(%%rax, %%rcx)\n"
             "2:\n\t"
             "movq $0, %%fs:%c[cs](%[area])\n\t"
             ".pushsection __rseq_failure, \"ax?\"\n"
             "3:\n\t"
             "movq $0, %%fs:%c[cs](%[area])\n\t"
             "jmp %l[refused]\n\t"
             ".byte 0x0f, 0xb9, 0x3d\n\t"
             ".long %c[signature]\n"
             "4:\n\t"
             "jmp %l[aborted]\n\t"
             ".popsection"
             :
             : [area] "r"(__rseq_offset), [open] "m"(open), [cpus] "m"(cpus), [n] "er"(n),
               [shift] "i"(__builtin_ctzll(Stride)), [cpu] "i"(offsetof(struct rseq, cpu_id)),
               [cs] "i"(offsetof(struct rseq, rseq_cs)), [signature] "i"(RSEQ_SIG)
             : "memory", "cc", "rax", "rcx"
             : refused, aborted);
    return true;
  aborted:
    goto again;
  refused:
    return false;
  }

  /// Threads are registered, and restart() can be had. Constant in the life of a process.
  /// Level: `process` the first time.
  [[nodiscard]] static bool work() noexcept {
    const known now = known_.load(std::memory_order_relaxed);
    if (now != known::not_asked) return now == known::yes;
    const bool can = __rseq_size != 0 && enlist() && restart();
    known_.store(can ? known::yes : known::no, std::memory_order_relaxed);
    return can;
  }

  /// Every section that was under way in any thread has been made or starts again, and sees what the
  /// caller did before. False: the kernel refuses. Level: `process`. Cost: some 10 us.
  [[nodiscard]] static bool restart() noexcept {
    const int error = errno;
    bool done = membarrier(private_expedited_rseq) == 0;
    // In the child of a fork() the process has to enlist anew.
    if (!done) done = errno == EPERM && enlist() && membarrier(private_expedited_rseq) == 0;
    errno = error;
    return done;
  }

 private:
  enum class known : unsigned char { not_asked, no, yes };

  // Of enum membarrier_cmd, which older headers lack.
  static constexpr int private_expedited_rseq = 1 << 7;
  static constexpr int register_private_expedited_rseq = 1 << 8;

  /// Once more where the kernel lacks memory for it: what waits for this may not be given up for that.
  static long membarrier(int command) noexcept {
    for (int tries = 0;; ++tries) {
      const long done = syscall(SYS_membarrier, command, 0, 0);
      if (done == 0 || errno != ENOMEM || tries == most_tries) return done;
      sched_yield();
    }
  }
  static constexpr int most_tries = 1000;
  static bool enlist() noexcept { return membarrier(register_private_expedited_rseq) == 0; }

  /// relaxed: whoever asks gets the same answer, from the kernel or from here.
  static inline constinit std::atomic<known> known_{known::not_asked};
};

}  // namespace trefoil::detail

#endif
