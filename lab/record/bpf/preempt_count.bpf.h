/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * The kernel's own word for where a CPU is: its count of reasons not to preempt (linux/preempt.h).
 *
 * It lives in a variable of each CPU, under one name or another. A program that names what a kernel does
 * not have is not loaded, and to ask whether it has takes more privileges than all the rest. So there is
 * one object of programs for each of the names and one without, and the loader takes what fits.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_PREEMPT_COUNT_BPF_H
#define TREFOIL_LAB_RECORD_BPF_PREEMPT_COUNT_BPF_H

#include "kernel_types.h"
/* after the types */
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#if defined(TREFOIL_PREEMPT_COUNT_ALONE) /* __preempt_count, of all kernels but those of the next */
extern const int __preempt_count __ksym;

static __always_inline __u32 whole_preempt_count(void) {
  const int* const count = bpf_this_cpu_ptr(&__preempt_count);
  return (__u32)*count;
}
#elif defined(TREFOIL_PREEMPT_COUNT_IN_PCPU_HOT) /* Linux 6.2 to 6.14 */
extern const struct pcpu_hot pcpu_hot __ksym;

static __always_inline __u32 whole_preempt_count(void) {
  const struct pcpu_hot* const hot = bpf_this_cpu_ptr(&pcpu_hot);
  return (__u32)hot->preempt_count;
}
#endif

/* -1: not known. */
static __always_inline __s64 preempt_count(void) {
#if defined(TREFOIL_PREEMPT_COUNT_ALONE) || defined(TREFOIL_PREEMPT_COUNT_IN_PCPU_HOT)
  return whole_preempt_count() & ~0x80000000u; /* PREEMPT_NEED_RESCHED, which is no reason */
#else
  return -1;
#endif
}

#endif
