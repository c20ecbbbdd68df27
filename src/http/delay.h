/* SPDX-License-Identifier: MIT */
/*
 * Answers that are due at a moment of the monotonic clock: one heap for each event loop. libh2o's
 * own timers follow the wall clock, so a step of it would fire them all, or none.
 *
 * Nothing here answers, reads a clock or waits: the loop asks how long it may sleep, and then for
 * what is due. Own thread only. The pendings belong to whoever asked for the delay and must stay
 * until they are taken. There is no way to take one back: a request that ends early has cleared
 * pending->rq, and its job comes back to nobody, in its time.
 *
 * Memory: 16 bytes for each delay that waits, for as many as ever waited at once.
 */
#ifndef SIDELIGHT_HTTP_DELAY_H
#define SIDELIGHT_HTTP_DELAY_H

#include "base/base.h"

struct pending;

struct delay {
    uint64_t due_ns; /* monotonic */
    struct pending *pending;
};

struct delays {
    struct delay *items; /* a binary heap, the earliest first */
    size_t n, cap;
};

#define DELAYS_INIT \
    {               \
        NULL, 0, 0  \
    }

void delays_add(struct delays *d, uint64_t due_ns, struct pending *p);

/*
 * Takes one that is due at `now_ns`, the earliest first (of two at the same moment, either), or
 * NULL.
 */
struct pending *delays_take(struct delays *d, uint64_t now_ns);

/*
 * Milliseconds until the next is due, rounded up, so that a loop that slept this long finds it due;
 * at most `max_ms`, which it also is when none waits.
 */
int delays_wait_ms(const struct delays *d, uint64_t now_ns, int max_ms);

/*
 * Frees the heap, and leaves DELAYS_INIT. What still waits is its owner's to free: take it first.
 */
void delays_release(struct delays *d);

#endif
