/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * When an mm is born and when it is freed, without a look at every object of the slab allocator.
 *
 * An mm_struct has counters for each CPU. They are allocated when it is made and freed by __mmdrop
 * just before the struct itself, and few others in the kernel ever allocate such memory: so these two
 * tracepoints fire some times per process, where kmem_cache_free fires a million times a second on a
 * busy server. Where mms have no such counters (before Linux 6.2), the slab's free it is.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_LIVES_BPF_H
#define TREFOIL_LAB_RECORD_BPF_LIVES_BPF_H

#include "emit.bpf.h"
#include "preempt_count.bpf.h"
#include "victims.bpf.h"

/* Set by the loader: mms are known by their counters, else by their address. */
const volatile bool by_counters = true;

/* Of an mm that has lost its last user: only those have to be found when they are freed. */
struct life {
  __u64 mm;
  __s32 ender; /* pid of the task whose next step is to free it; -1: not known */
  __u32 cause;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct life);
} lives SEC(".maps");

static __always_inline __u64 key_of(struct mm_struct* mm) {
  return by_counters ? address_of(BPF_CORE_READ(mm, rss_stat[0].counters)) : address_of(mm);
}

static __always_inline struct life* life_of(struct mm_struct* mm) {
  const __u64 key = key_of(mm);
  struct life* const known = bpf_map_lookup_elem(&lives, &key);
  struct life made = {.mm = address_of(mm), .ender = -1};

  if (known) {
    /* Of another one, whose end nobody told: see on_exit_mmap. */
    if (known->mm != address_of(mm)) *known = made;
    return known;
  }
  bpf_map_update_elem(&lives, &key, &made, BPF_NOEXIST);
  return bpf_map_lookup_elem(&lives, &key);
}

/* An mm is made by the task that will be seen to give it its first holder, mostly on the same CPU and
 * always soon: a few places for each CPU are enough to know when, and cheaper than any table. */
static __always_inline void note_birth(__u64 key) {
  struct raw_cpu* const cpu = this_cpu();
  struct raw_birth* const birth = &cpu->births[cpu->next_birth++ % raw_recent_births];
  int i;

  for (i = 0; i < raw_recent_births; ++i) { /* of an earlier one, who was told of elsewhere */
    if (cpu->births[i].key == key) cpu->births[i].key = 0;
  }
  birth->time_ns = bpf_ktime_get_ns();
  birth->task = address_of(bpf_get_current_task_btf());
  birth->key = key;
}

/* Fills in when it was born, if that is known and not told yet. */
static __always_inline bool tell_noted_birth(struct raw_record* record, struct mm_struct* mm) {
  const __u64 key = key_of(mm);
  const __u64 task = address_of(bpf_get_current_task_btf());
  struct raw_cpu* const cpu = this_cpu();
  int i;

  for (i = 0; i < raw_recent_births; ++i) {
    if (cpu->births[i].key != key || cpu->births[i].task != task) continue;
    cpu->births[i].key = 0;
    record->born_ns = cpu->births[i].time_ns;
    record->born_cpu = record->cpu;
    return true;
  }
  return false;
}

/* `mm` has its first holder: the record tells its birth as well, late. */
static __always_inline void tell_birth(struct raw_record* record, struct mm_struct* mm) {
  if (tell_noted_birth(record, mm)) return;
  record->born_ns = record->time_ns;
  record->born_cpu = record->cpu;
}

/* The end of whoever has this key, with the stack where nothing else tells whose doing it is. Counters are
 * others' as well; where the key is an mm, its end is told whether or not its last user was seen to go. */
static __always_inline void tell_free(void* context, __u64 key) {
  struct life* const life = bpf_map_lookup_elem(&lives, &key);
  struct task_struct* const task = bpf_get_current_task_btf();
  struct raw_record* record;
  __u8 cause;

  if (!life && by_counters) return;
  cause = life && life->ender == task->pid ? (__u8)life->cause : raw_cause_unknown;
  if (cause != raw_cause_unknown) {
    record = begin(raw_mm_free, task);
  } else {
    record = (struct raw_record*)begin_with_stack(context, raw_mm_free, task);
  }
  if (record) {
    record->mm = life ? life->mm : key;
    record->mm_users = 0;
    record->mm_count = 0;
    record->number = preempt_count();
    record->cause = cause;
    send(record);
  }
  forget_victim(life ? life->mm : key);
  bpf_map_delete_elem(&lives, &key);
}

#endif
