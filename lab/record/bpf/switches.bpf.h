/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Context switches: lazy CPUs. The hottest program, so it looks at little and mostly only counts.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_SWITCHES_BPF_H
#define TREFOIL_LAB_RECORD_BPF_SWITCHES_BPF_H

#include "lives.bpf.h"

static __always_inline void tell_dead(enum raw_kind kind, struct mm_struct* mm,
                                      struct task_struct* prev, struct task_struct* next) {
  struct raw_record* const record = begin(kind, prev);
  struct life* life;

  if (!record) return;
  record->mm = address_of(mm);
  record->task = address_of(next);
  record->subject = next->pid;
  count_users(record, mm);
  life = life_of(mm);
  /* The only reference left is the one that the next task drops before it does anything else. */
  if (life && kind == raw_dead_drop && record->mm_count == 1) {
    life->ender = next->pid;
    life->cause = raw_cause_context_switch;
  }
  send(record);
}

/* Unless a signal to its parent has told already. */
static __always_inline void tell_gone(struct task_struct* task) {
  struct raw_cpu* const cpu = this_cpu();
  struct raw_record* record;

  if (cpu->leaver == (__u64)task->pid) {
    cpu->leaver = 0;
    return;
  }
  record = begin(raw_gone, task);
  if (!record) return;
  record->task = address_of(task);
  send(record);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  struct mm_struct* const next_mm = next->mm;
  struct mm_struct* const active = prev->active_mm;
  const bool from_kernel = !prev->mm;

  if (from_kernel && prev->exit_state) tell_gone(prev);
  if (!from_kernel && next_mm) return 0; /* no lazy CPU in it */
  if (!active) return 0;

  if (active->mm_users.counter == 0) {
    tell_dead(next_mm ? raw_dead_drop : raw_dead_borrow, active, prev, next);
  } else if (next_mm) {
    ++this_cpu()->lazy_returns;
  } else if (!from_kernel) {
    ++this_cpu()->lazy_borrows;
  }
  return 0;
}

#endif
