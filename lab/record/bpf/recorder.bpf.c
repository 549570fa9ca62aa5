// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//
// What happens to address spaces, as tracepoints tell it. The loader leaves a program out whose
// tracepoint this kernel does not have; docs/recorder.md lists what each of them gives.
#include "lives.bpf.h"
#include "slab.bpf.h"
#include "switches.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// --- tasks ---

// What somebody else does to a task.
static __always_inline void tell_of(struct task_struct* task, enum raw_kind kind) {
  struct raw_record* const record = begin(kind, bpf_get_current_task_btf());

  if (!record) return;
  record->task = address_of(task);
  record->subject = task->pid;
  if (kind == raw_rcu_put) record->number = task->usage.refs.counter;
  send(record);
}

// False before Linux 6.4: there the bit is something else's. Told by the loader, as libbpf before 1.3 cannot
// ask for a type that may not be there without CAP_SYS_ADMIN: it looks into the modules.
const volatile bool has_user_workers = true;

// Threads that io_uring, vhost and KVM make for themselves are not forked: only this tells of them.
SEC("tp_btf/task_newtask")
int BPF_PROG(on_task_newtask, struct task_struct* task) {
  const __u32 unforked = PF_IO_WORKER | (has_user_workers ? PF_USER_WORKER : 0);

  if (task->flags & unforked) tell_of(task, raw_task_alloc);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  struct mm_struct* const mm = child->mm;
  struct raw_record* const record = begin(raw_fork, parent);

  if (!record) return 0;
  record->mm = address_of(mm);
  record->task = address_of(child);
  record->subject = child->pid;
  if (address_of(child->files) != address_of(parent->files)) record->other = address_of(child->files);
  if (address_of(child->sighand) != address_of(parent->sighand)) {
    record->fourth = address_of(child->sighand);
  }
  if (mm) {
    count_users(record, mm);
    if (address_of(mm) != address_of(parent->mm)) tell_birth(record, mm);
  }
  send(record);
  return 0;
}

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_sched_prepare_exec, struct task_struct* task, struct linux_binprm* program) {
  struct mm_struct* const old = task->mm;
  struct mm_struct* const mm = program->mm;
  struct raw_record* record;

  if (!mm) return 0;
  record = begin(raw_prep_exec, task);
  if (!record) return 0;
  record->mm = address_of(mm);
  record->task = address_of(task);
  record->other = address_of(old);
  if (old) {
    count_users(record, old);
    record->number = old->pgtables_bytes.counter;
  }
  tell_birth(record, mm);
  send(record);
  return 0;
}

// Set by the loader: since Linux 6.11 an exec is told of before the old mm goes.
const volatile bool has_prepare_exec = true;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct* task) {
  struct raw_record* const record = begin(raw_exec, task);
  struct mm_struct* mm;

  if (!record) return 0;
  mm = task->mm;
  record->mm = address_of(mm);
  record->task = address_of(task);
  if (mm && !has_prepare_exec) tell_birth(record, mm);
  send(record);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct* task) {
  struct raw_record* const record = begin(raw_task_exit, task);
  struct mm_struct* mm;
  struct files_struct* files;

  if (!record) return 0;
  mm = task->mm;
  files = task->files;
  record->mm = address_of(mm);
  record->task = address_of(task);
  record->other = address_of(files);
  record->fourth = address_of(task->sighand);
  record->subject = task->signal->live.counter;
  if (files) record->number = files->count.counter;
  if (mm) count_users(record, mm);
  send(record);
  return 0;
}

// exit_mm() releases the lock just after it has cleared task->mm; mm_users still has the task's own.
SEC("tp_btf/mmap_lock_released")
int BPF_PROG(on_mmap_lock_released, struct mm_struct* mm) {
  struct task_struct* const task = bpf_get_current_task_btf();
  struct raw_record* record;

  if (!(task->flags & PF_EXITING) || task->mm) return 0;
  if (address_of(task->active_mm) != address_of(mm) || mm->mm_users.counter == 0) return 0;
  record = begin(raw_exit_mm, task);
  if (!record) return 0;
  record->mm = address_of(mm);
  record->task = address_of(task);
  count_users(record, mm);
  record->number = mm->pgtables_bytes.counter;
  send(record);
  // From here on the task is a lazy user of it. (A dead one's borrowers are told of one by one.)
  if (mm->mm_users.counter > 1) ++this_cpu()->lazy_borrows;
  return 0;
}

// A task that tells its parent has closed its files before.
SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal_generate) {
  struct task_struct* const task = bpf_get_current_task_btf();
  struct raw_record* record;

  if (!(task->flags & PF_EXITING) || !task->exit_state) return 0;
  record = begin(raw_gone, task);
  if (!record) return 0;
  this_cpu()->leaver = (__u64)task->pid;
  record->task = address_of(task);
  send(record);
  return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_sched_process_free, struct task_struct* task) {
  tell_of(task, raw_rcu_put);
  return 0;
}

SEC("tp_btf/mark_victim")
int BPF_PROG(on_mark_victim, struct task_struct* task) {
  tell_of(task, raw_oom);
  note_victim(task);
  return 0;
}

// --- address spaces ---

// As numbers, not by type: compilers that tag per-CPU pointers make an argument of them that the
// verifier of some kernels does not take.
SEC("raw_tp/percpu_alloc_percpu")
int on_percpu_alloc(struct bpf_raw_tracepoint_args* ctx) {
  const __u64 size = ctx->args[3];
  const __u64 pointer = ctx->args[7];

  // The counters of an mm are one allocation for all of them.
  if (size == sizeof(__s32) * (bpf_core_field_size(((struct mm_struct*)0)->rss_stat) /
                               bpf_core_type_size(struct percpu_counter))) {
    note_birth(pointer);
  }
  return 0;
}

SEC("raw_tp/percpu_free_percpu")
int on_percpu_free(struct bpf_raw_tracepoint_args* ctx) {
  tell_free(ctx, ctx->args[2]);
  return 0;
}

SEC("tp_btf/exit_mmap")
int BPF_PROG(on_exit_mmap, struct mm_struct* mm) {
  struct task_struct* const task = bpf_get_current_task_btf();
  struct mm_struct* const its = task->mm;
  struct life* const life = life_of(mm);
  struct raw_record* record;
  __u8 cause = raw_cause_unknown;

  if ((task->flags & PF_EXITING) && !its && address_of(task->active_mm) == address_of(mm)) {
    cause = raw_cause_exit;
  } else if (!(task->flags & PF_EXITING) && BPF_CORE_READ_BITFIELD(task, in_execve) &&
             address_of(its) != address_of(mm)) {
    cause = raw_cause_exec;
  }
  if (cause != raw_cause_unknown) {
    record = begin(raw_exit_mmap, task);
  } else {
    record = (struct raw_record*)begin_with_stack(ctx, raw_exit_mmap, task);
  }
  if (!record) return 0;
  record->mm = address_of(mm);
  record->cause = cause;
  count_users(record, mm);
  tell_noted_birth(record, mm);  // of an execve that failed: nobody ever had it
  if (life) {
    // Whatever was known before was of an earlier one: an mm loses its mappings once. Kernels may keep
    // some tasks from being traced, so that ends are missed.
    life->ender = record->mm_count == 1 ? task->pid : -1;
    life->cause = cause;
  }
  send(record);
  return 0;
}
