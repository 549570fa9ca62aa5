/* SPDX-License-Identifier: Apache-2.0 */
#include "concurrencykit_calls.h"

#include <ck_epoch.h>
#include <ck_hp.h>
#include <ck_pr.h>
#include <stdlib.h>

struct bench_ck_visitor {
  ck_epoch_record_t epoch;
  ck_hp_record_t hazard;
  void* slot __attribute__((aligned(64)));
  struct bench_ck_visitor* next;
};

struct bench_ck {
  void* published __attribute__((aligned(64)));
  long value;
  ck_epoch_t epoch __attribute__((aligned(64)));
  ck_hp_t hazard __attribute__((aligned(64)));
  struct bench_ck_visitor* visitors;
};

static void never(void* p) { (void)p; }

static void keep(const void* p) { __asm__ volatile("" : : "r"(p) : "memory"); }

struct bench_ck* bench_ck_new(void) {
  struct bench_ck* const all = aligned_alloc(64, sizeof(struct bench_ck));
  if (all == NULL) return NULL;
  all->value = 1;
  all->published = &all->value;
  all->visitors = NULL;
  ck_epoch_init(&all->epoch);
  ck_hp_init(&all->hazard, 1, 64, never);
  return all;
}

void bench_ck_delete(struct bench_ck* all) {
  while (all->visitors != NULL) {
    struct bench_ck_visitor* const next = all->visitors->next;
    free(all->visitors);
    all->visitors = next;
  }
  free(all);
}

struct bench_ck_visitor* bench_ck_visit(struct bench_ck* all) {
  struct bench_ck_visitor* const mine = aligned_alloc(64, sizeof(struct bench_ck_visitor));
  if (mine == NULL) return NULL;
  mine->slot = NULL;
  mine->next = all->visitors;
  all->visitors = mine;
  ck_epoch_register(&all->epoch, &mine->epoch, NULL);
  ck_hp_register(&all->hazard, &mine->hazard, &mine->slot);
  return mine;
}

void bench_ck_epoch(struct bench_ck* all, struct bench_ck_visitor* mine, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    ck_epoch_begin(&mine->epoch, NULL);
    keep(ck_pr_load_ptr(&all->published));
    ck_epoch_end(&mine->epoch, NULL);
  }
}

void bench_ck_hazard(struct bench_ck* all, struct bench_ck_visitor* mine, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    void* seen = ck_pr_load_ptr(&all->published);
    for (void* now = NULL; now != seen; seen = ck_pr_load_ptr(&all->published)) {
      now = seen;
      ck_hp_set_fence(&mine->hazard, 0, now);
    }
    keep(seen);
    ck_hp_set(&mine->hazard, 0, NULL);
  }
}
