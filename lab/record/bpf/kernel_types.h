/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * The fields of kernel structures that the recorder reads, and no other. The loader finds where they
 * are on the running kernel (CO-RE), so no header of any kernel is needed to build.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_KERNEL_TYPES_H
#define TREFOIL_LAB_RECORD_BPF_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum { false, true };

/* Of linux/bpf.h. */
struct bpf_raw_tracepoint_args {
  __u64 args[0];
};
enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_RB_NO_WAKEUP = 1 };

/* Of linux/sched.h. */
enum { PF_IO_WORKER = 0x10, PF_USER_WORKER = 0x4000, PF_EXITING = 0x4, PF_KTHREAD = 0x200000 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  __s64 counter;
} atomic64_t;

typedef struct refcount_struct {
  atomic_t refs;
} refcount_t;

struct percpu_counter {
  __s32* counters;
};

struct work_struct {
  atomic64_t data;
};

struct mm_struct {
  atomic_t mm_users;
  atomic_t mm_count;
  atomic64_t pgtables_bytes;
  struct percpu_counter rss_stat[4];
  struct work_struct async_put_work;
};

struct files_struct {
  atomic_t count;
};

struct signal_struct {
  atomic_t live;
};

struct sighand_struct {
  refcount_t count;
};

struct task_struct {
  unsigned int flags;
  int exit_state;
  int pid;
  unsigned in_execve : 1;
  refcount_t usage;
  struct mm_struct* mm;
  struct mm_struct* active_mm;
  struct files_struct* files;
  struct signal_struct* signal;
  struct sighand_struct* sighand;
};

struct linux_binprm {
  struct mm_struct* mm;
};

struct kmem_cache {
  const char* name;
};

struct pcpu_hot {
  int preempt_count;
};

#pragma clang attribute pop

#endif
