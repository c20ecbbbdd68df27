/* SPDX-License-Identifier: MIT */
/* A sliding minimum over hours. */
#include "store/age_clock.h"

#include "base/clock.h"

#define NS_PER_HOUR (3600 * NS_PER_SEC)

static int64_t offset_of(uint64_t wall_ms, uint64_t mono_ns)
{
    return (int64_t)wall_ms - (int64_t)(mono_ns / NS_PER_MS);
}

void age_clock_init(struct age_clock *c, uint64_t known_ms, uint64_t wall_ms, uint64_t mono_ns)
{
    bool doubtful = known_ms != 0 && wall_ms > known_ms && wall_ms - known_ms > AGE_PAUSE_MS;

    c->last = offset_of(doubtful ? known_ms : wall_ms, mono_ns);
    c->hour = mono_ns / NS_PER_HOUR;
    c->disbelieves = false;
    for (size_t i = 0; i < AGE_HOURS; i++)
        c->slowest[i] = c->last;
}

/*
 * Hours that nobody asked in, and the beginning of this one, were like the last time somebody did.
 */
static void enter_hour(struct age_clock *c, uint64_t hour)
{
    uint64_t n = hour - c->hour;

    for (uint64_t i = 0; i < n && i < AGE_HOURS; i++)
        c->slowest[(hour - i) % AGE_HOURS] = c->last;
    c->hour = hour;
}

static int64_t slowest(const struct age_clock *c)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < AGE_HOURS; i++)
        if (c->slowest[i] < least)
            least = c->slowest[i];
    return least;
}

uint64_t age_clock_ms(struct age_clock *c,
                      uint64_t wall_ms,
                      uint64_t mono_ns,
                      uint64_t *ret_behind_ms)
{
    int64_t *here, least, now;
    bool behind;

    enter_hour(c, mono_ns / NS_PER_HOUR);
    c->last = offset_of(wall_ms, mono_ns);
    here = &c->slowest[c->hour % AGE_HOURS];
    if (c->last < *here)
        *here = c->last;
    least = slowest(c);
    now = (int64_t)wall_ms - (c->last - least);
    if (now < 0)
        now = 0;
    behind = wall_ms - (uint64_t)now > AGE_DISBELIEF_MS;
    *ret_behind_ms = behind && !c->disbelieves ? wall_ms - (uint64_t)now : 0;
    c->disbelieves = behind;
    return (uint64_t)now;
}
