/* SPDX-License-Identifier: MIT */
/*
 * Drills: requests that fail or dawdle on purpose, so that alerts and dashboards can be rehearsed
 * on a real server. They are counted and judged like any other route's, so they burn the budget.
 * The gate in front of them is drills_open (api.h).
 *
 * Dice: every process throws the same sequence, whatever its number of workers, so that a
 * rehearsal can be repeated. They decide nothing but drills.
 */
#ifndef SIDELIGHT_API_DRILLS_H
#define SIDELIGHT_API_DRILLS_H

#include "http/request.h"

enum {
    /*
     * GET /api/users that wait, in the whole process; one more is 503 with Retry-After, counted in
     * drill_refusals_total.
     */
    DRILL_SLEEPERS_MAX = 1000,
    DRILL_LATENCY_MIN_MS = 5,
    DRILL_LATENCY_MEDIAN_MS = 40,
    DRILL_LATENCY_MAX_MS = 800,
};

/* For the life of the process; any thread. `r` outlives it. */
struct drills *drills_new(struct registry *r);
void drills_free(struct drills *d); /* NULL is fine; nothing waits any more */

/*
 * The n-th throw (from 0) of the dice that `seed` names: 64 even bits. SplitMix64, whose n-th
 * output can be had without those before it (Steele, Lea, Flood: Fast splittable pseudorandom
 * number generators, OOPSLA 2014).
 */
uint64_t drill_throw(uint64_t seed, uint64_t n);

/*
 * How long GET /api/users takes, in ms, from 64 even bits: log-normal with the median above and
 * sigma 0.7 (p95 about 127, p99 about 204; one in five hundred is over 300), cut to the bounds
 * above.
 */
unsigned drill_latency_ms(uint64_t bits);

/* True for `nano` billionths of all bits: 0 is never, a billion is always. */
bool drill_hits(uint64_t bits, uint64_t nano);

#endif
