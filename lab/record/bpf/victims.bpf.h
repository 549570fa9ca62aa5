/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * When an OOM victim's thread group is freed, which lets go of the mm that the OOM killer has kept by it.
 *
 * Others may have the task after its parent has reaped it: the OOM reaper does for two seconds. Only the
 * slab's free tells when it goes in the end, and, if the mm goes with it, the work that is left to a
 * worker then (mmdrop_async). Works are queued often, so while there are no victims nothing is looked at.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_VICTIMS_BPF_H
#define TREFOIL_LAB_RECORD_BPF_VICTIMS_BPF_H

#include "emit.bpf.h"
#include "preempt_count.bpf.h"

/* By mm: the task that was marked first, which is the one that the reaper has. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, __u64);
} victims SEC(".maps");

__u32 victims_left;

static __always_inline void note_victim(struct task_struct* task) {
  const __u64 mm = address_of(task->mm);
  const __u64 value = address_of(task);

  if (mm && bpf_map_update_elem(&victims, &mm, &value, BPF_NOEXIST) == 0) {
    __sync_fetch_and_add(&victims_left, 1);
  }
}

static __always_inline void forget_victim(__u64 mm) {
  if (victims_left && bpf_map_delete_elem(&victims, &mm) == 0) {
    __sync_fetch_and_add(&victims_left, -1);
  }
}

SEC("raw_tp/workqueue_queue_work")
int on_workqueue_queue_work(struct bpf_raw_tracepoint_args* ctx) {
  struct raw_record_with_stack* record;
  __u64 mm;
  __u64* victim;

  if (!victims_left) return 0;
  mm = ctx->args[2] - bpf_core_field_offset(struct mm_struct, async_put_work);
  victim = bpf_map_lookup_elem(&victims, &mm);
  /* Else it is mmput_async, which uses the same work earlier. */
  if (!victim || BPF_CORE_READ((struct mm_struct*)mm, mm_count.counter) != 0) return 0;
  record = begin_with_stack(ctx, raw_task_free, bpf_get_current_task_btf());
  if (record) {
    record->record.task = *victim;
    record->record.number = preempt_count();
    send(record);
  }
  forget_victim(mm);
  return 0;
}

#endif
