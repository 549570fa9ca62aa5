/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Records on their way to the recorder.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_EMIT_BPF_H
#define TREFOIL_LAB_RECORD_BPF_EMIT_BPF_H

#include "kernel_types.h"
/* after the types */
#include "raw_record.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define address_of(pointer) ((__u64)(unsigned long)(pointer))

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 16 << 20);
} ring SEC(".maps");

struct raw_cpu cpus[raw_most_cpus];

static __always_inline struct raw_cpu* this_cpu(void) {
  return &cpus[bpf_get_smp_processor_id() & (raw_most_cpus - 1)];
}

static __always_inline void fill(struct raw_record* to, enum raw_kind kind,
                                 struct task_struct* current) {
  const __u32 flags = current->flags;

  to->time_ns = bpf_ktime_get_ns();
  to->born_ns = 0;
  to->mm = 0;
  to->task = 0;
  to->other = 0;
  to->fourth = 0;
  to->number = -1;
  to->pid = current->pid;
  to->subject = -1;
  to->mm_users = -1;
  to->mm_count = -1;
  to->cpu = (__u16)bpf_get_smp_processor_id();
  to->kind = (__u8)kind;
  to->who = (flags & PF_KTHREAD ? raw_is_kthread : 0) | (flags & PF_EXITING ? raw_is_exiting : 0);
  to->cause = raw_cause_unknown;
  to->frames = 0;
  to->born_cpu = 0;
  bpf_get_current_comm(to->comm, sizeof to->comm);
}

/* Its caller looks at once whether there is one, before it does anything else: then the compiler makes
 * one look of that and of this one, which the verifiers of older kernels insist on (6.1). */
static __always_inline struct raw_record* begin(enum raw_kind kind, struct task_struct* current) {
  struct raw_record* const record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);

  if (!record) {
    __sync_fetch_and_add(&this_cpu()->lost, 1);
    return 0;
  }
  fill(record, kind, current);
  return record;
}

static __always_inline struct raw_record_with_stack* begin_with_stack(void* context,
                                                                      enum raw_kind kind,
                                                                      struct task_struct* current) {
  struct raw_record_with_stack* const record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);
  long bytes;

  if (!record) {
    __sync_fetch_and_add(&this_cpu()->lost, 1);
    return 0;
  }
  fill(&record->record, kind, current);
  bytes = bpf_get_stack(context, record->stack, sizeof record->stack, 0);
  record->record.frames = bytes > 0 ? (__u8)(bytes / sizeof record->stack[0]) : 0;
  return record;
}

/* The recorder looks by itself, many times a second: waking it for each record would cost more than
 * all the rest. */
static __always_inline void send(void* record) { bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP); }

static __always_inline void count_users(struct raw_record* record, struct mm_struct* mm) {
  record->mm_users = mm->mm_users.counter;
  record->mm_count = mm->mm_count.counter;
}

#endif
