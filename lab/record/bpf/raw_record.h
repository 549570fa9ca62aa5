/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * What the programs in the kernel hand to the recorder: read by both sides, C and C++.
 *
 * Objects are kernel addresses here; only the recorder makes ids of them.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_RAW_RECORD_H
#define TREFOIL_LAB_RECORD_BPF_RAW_RECORD_H

enum raw_kind {
  raw_task_alloc = 1, /* only of tasks that no raw_fork tells of */
  raw_fork,           /* the task's birth as well, its mm's where born_ns is set, its own files (other)
                         and sighand (fourth) */
  raw_prep_exec,      /* the mm's birth as well; other: the old mm, whose the counts are */
  raw_exec,
  raw_task_exit, /* other: files; fourth: sighand; number: users of files */
  raw_exit_mm,   /* number: bytes of page tables */
  raw_gone,      /* the task has let go of all it will let go of by itself */
  raw_exit_mmap,
  raw_mm_alloc, /* an mm whose birth no fork and no prep_exec tells */
  raw_mm_free,  /* number: the preempt count; -1: not read */
  raw_dead_borrow,
  raw_dead_drop,
  raw_rcu_put, /* number: references to the task */
  raw_oom,     /* task, or else subject: its pid */
  raw_files_free,
  raw_sighand_free,
  raw_task_free, /* of an OOM victim; number: the preempt count; -1: not read */
  raw_kinds,
};

/* Of the current task. */
enum raw_who {
  raw_is_kthread = 1,
  raw_is_exiting = 2,
};

/* How an end came about, where no stack is needed to tell. */
enum raw_cause {
  raw_cause_unknown,
  raw_cause_exit,           /* do_exit */
  raw_cause_exec,           /* execve */
  raw_cause_context_switch, /* finish_task_switch */
};

enum { raw_stack_depth = 24, raw_most_cpus = 1024 };

struct raw_record {
  __u64 time_ns;
  __u64 born_ns; /* 0: born before, or told already */
  __u64 mm;
  __u64 task;
  __u64 other;
  __u64 fourth;
  __s64 number;
  __s32 pid;
  __s32 subject;
  __s32 mm_users;
  __s32 mm_count;
  __u16 cpu;
  __u8 kind;
  __u8 who;
  __u8 cause;
  __u8 frames; /* of the stack that follows; 0: there is none */
  __u16 born_cpu;
  char comm[16];
};

struct raw_record_with_stack {
  struct raw_record record;
  __u64 stack[raw_stack_depth];
};

enum { raw_recent_births = 4 };

struct raw_birth {
  __u64 key; /* 0: told already */
  __u64 task; /* who made it, and will tell */
  __u64 time_ns;
};

/* One for each CPU, read by the recorder while the programs write: counts only go up. */
struct raw_cpu {
  __u64 lazy_borrows; /* switches that leave a living mm to a kernel task */
  __u64 lazy_returns;
  __u64 lost;     /* records for which the ring had no room */
  __u64 leaver;   /* pid of the task that was told to be gone last, until it has left the CPU; 0: none */
  struct raw_birth births[raw_recent_births]; /* nobody has been seen to have them yet */
  __u64 next_birth;
  __u64 padding[7]; /* CPUs do not share a cache line */
};

#endif
