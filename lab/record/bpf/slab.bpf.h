/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Frees of the slab allocator, for what nothing else tells. The network stack alone may free a million
 * objects a second, so this is for those who ask for it, and for kernels whose mms have no counters.
 */
#ifndef TREFOIL_LAB_RECORD_BPF_SLAB_BPF_H
#define TREFOIL_LAB_RECORD_BPF_SLAB_BPF_H

#include "lives.bpf.h"

/* Set by the loader: the third argument is the cache, else the cache's name. */
const volatile bool free_tells_cache = true;

/* The third argument where the cache is one of ours; learned from its name. */
__u64 mm_cache;
__u64 files_cache;
__u64 sighand_cache;
/* Where caches are merged, one of them may have another's name: looking for it ends some time. */
__u32 looks_left = 1 << 20;

static __always_inline bool same(const char* a, const char* b, int bytes) {
  int i;

  for (i = 0; i < bytes; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

static __always_inline void learn(__u64 third) {
  const char* name = (const char*)(unsigned long)third;
  char text[16] = {};

  if (free_tells_cache) {
    struct kmem_cache* const cache = (struct kmem_cache*)(unsigned long)third;
    name = BPF_CORE_READ(cache, name);
  }
  bpf_probe_read_kernel_str(text, sizeof text, name);
  if (same(text, "mm_struct", 10)) mm_cache = third;
  if (same(text, "files_cache", 12)) files_cache = third;
  if (same(text, "sighand_cache", 14)) sighand_cache = third;
}

static __always_inline void tell_slab(enum raw_kind kind, __u64 address) {
  struct raw_record* const record = begin(kind, bpf_get_current_task_btf());

  if (!record) return;
  if (kind == raw_files_free) record->other = address;
  if (kind == raw_sighand_free) record->fourth = address;
  send(record);
}

SEC("raw_tp/kmem_cache_free")
int on_kmem_cache_free(struct bpf_raw_tracepoint_args* ctx) {
  const __u64 object = ctx->args[1];
  const __u64 third = ctx->args[2];

  if (looks_left && (!mm_cache || !files_cache || !sighand_cache)) {
    --looks_left;
    learn(third);
  }
  if (third == files_cache) {
    tell_slab(raw_files_free, object);
  } else if (third == sighand_cache) {
    tell_slab(raw_sighand_free, object);
  } else if (third == mm_cache && !by_counters) {
    tell_free(ctx, object);
  }
  return 0;
}

#endif
