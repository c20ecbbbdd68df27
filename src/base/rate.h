/* SPDX-License-Identifier: MIT */
/*
 * Rate limits by the generic cell rate algorithm (ITU-T I.371, annex A; one timestamp per client),
 * without locks: a fixed table shared by all threads. `count` events may come at once, then they
 * are spread evenly.
 *
 * Memory is fixed: RATE_SLOTS clients. When a set of the table is full, the client whose debt is
 * smallest is forgotten and counted in `evictions` (unless it had no debt left: then nothing is
 * lost).
 *
 * Threads: any may call rate_take. Two threads that meet a new client at once may let it through
 * once more.
 */
#ifndef SIDELIGHT_BASE_RATE_H
#define SIDELIGHT_BASE_RATE_H

#include "base/net.h"
#include "base/parse.h"

enum { RATE_SLOTS = 16384, RATE_WAYS = 8 };

struct rate_table; /* keyed by client */

struct rate_table *rate_table_new(void);
void rate_table_free(struct rate_table *t);
uint64_t rate_table_evictions(const struct rate_table *t);

/*
 * True when one more event of `client` fits `rate` at `now_ns` (monotonic). Else *ret_wait_ns says
 * how long until it would. A rate that is off always fits. `client` is hashed with a secret key.
 */
bool rate_take(struct rate_table *t,
               const struct rate *rate,
               const struct ip *client,
               uint64_t now_ns,
               uint64_t *ret_wait_ns);

/* One bucket for everybody; zero-filled is full of credit. */
struct rate_bucket {
    _Atomic uint64_t tat; /* theoretical arrival time, monotonic ns */
};
bool rate_bucket_take(struct rate_bucket *b,
                      const struct rate *rate,
                      uint64_t now_ns,
                      uint64_t *ret_wait_ns);

#endif
