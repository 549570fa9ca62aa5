/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the peer does with Concurrency Kit, in C: its headers are no C++.
 */
#ifndef BENCH_PEERS_CONCURRENCYKIT_CALLS_H
#define BENCH_PEERS_CONCURRENCYKIT_CALLS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_ck;         /* collectors of both kinds, and what they protect */
struct bench_ck_visitor; /* a thread's records */

struct bench_ck* bench_ck_new(void); /* null: no memory */
/* Records end with their collectors, so that visitors of other threads may still look at them. */
void bench_ck_delete(struct bench_ck* all);
/* One thread at a time. */
struct bench_ck_visitor* bench_ck_visit(struct bench_ck* all);

/* n read-side sections in which the published pointer is loaded */
void bench_ck_epoch(struct bench_ck* all, struct bench_ck_visitor* mine, size_t n);
/* n times: protected by a hazard pointer and let go */
void bench_ck_hazard(struct bench_ck* all, struct bench_ck_visitor* mine, size_t n);

#ifdef __cplusplus
}
#endif

#endif
