/* SPDX-License-Identifier: MIT */
/*
 * The time by which ages are judged: what is deleted or forgotten for being old. Private to store/.
 *
 * A wall clock that is set forward by mistake would make everything old at once. So this one keeps
 * to the slowest that the wall clock was in the last day, measured by the monotonic clock: a step
 * back counts at once, a step forward a day later (at most an hour more). Without steps the two
 * agree.
 *
 * Pure: the times are handed in. Threads: its owner's.
 */
#ifndef SIDELIGHT_STORE_AGE_CLOCK_H
#define SIDELIGHT_STORE_AGE_CLOCK_H

#include "base/base.h"

enum {
    AGE_HOURS = 25,               /* the running hour and the 24 before it */
    AGE_PAUSE_MS = 3600 * 1000,   /* between two runs; a longer one may be a step of the clock */
    AGE_DISBELIEF_MS = 60 * 1000, /* behind the wall clock by more than that is worth a word */
};

struct age_clock {
    /* Wall minus monotonic clock, ms, of each hour by its number modulo AGE_HOURS. */
    int64_t slowest[AGE_HOURS];
    int64_t last;     /* the same, when last asked */
    uint64_t hour;    /* monotonic, of that moment */
    bool disbelieves; /* it was behind by more than AGE_DISBELIEF_MS when last asked */
};

/*
 * `known_ms`: Unix time at which the wall clock was believed last, in an earlier run; 0: there was
 * none.
 */
void age_clock_init(struct age_clock *c, uint64_t known_ms, uint64_t wall_ms, uint64_t mono_ns);

/*
 * The time, never later than `wall_ms`. *ret_behind_ms is by how much it is behind when it has just
 * begun to disbelieve the wall clock, else 0.
 */
uint64_t age_clock_ms(struct age_clock *c,
                      uint64_t wall_ms,
                      uint64_t mono_ns,
                      uint64_t *ret_behind_ms);

#endif
