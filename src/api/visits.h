/* SPDX-License-Identifier: MIT */
/*
 * Page views in all and today's visitors, for api/ and app/: counted in memory, written to the store
 * now and then, so that no visitor waits for a disk, and one that is down is caught up with later.
 *
 * A page view is not acknowledged data: a process that is killed loses what it counted since the
 * last write, VISITS_FLUSH_S seconds and a tick. A clean stop loses nothing.
 *
 * A day is a UTC day by the wall clock. A clock that is set back over midnight by less than an hour
 * stays in the new day, since the old one is forgotten; any other step begins a day.
 *
 * Threads: any. One mutex, held for about a microsecond, except where the table of visitors doubles
 * (4 ms at 131,072, measured), and where a write copies: what came since the last one, or all of
 * the day when the store does not have it (0.05 ms for 200,000, measured). Memory for that is made,
 * and a day that ended wiped and freed, without it.
 */
#ifndef SIDELIGHT_API_VISITS_H
#define SIDELIGHT_API_VISITS_H

#include "api/api.h"

enum { VISITS_FLUSH_S = 5 }; /* seconds between two writes, at least */

/* Takes what the store has kept. `api->store` and `api->registry` are set. */
struct visits *visits_new(struct api *api);
/* The store must be closed, so that no write is under way. NULL is fine. */
void visits_free(struct visits *v);

/* For GET / answered 200. */
struct visits_count {
    uint64_t views; /* in all, ever */
    size_t today;   /* different visitors since midnight UTC; at most VISITORS_MAX */
};
/* Counts a view by the client of `rq`, here and in the metrics, and says the numbers with it. */
void visits_add(struct visits *v, const struct request *rq, struct visits_count *ret);
/* Only says them. */
void visits_get(struct visits *v, const struct request *rq, struct visits_count *ret);

/*
 * Once a second, also while nobody comes: ends the day at midnight and writes what is due. `now_ms`
 * is Unix time, `now_ns` the monotonic clock. Never waits for the store.
 */
void visits_tick(struct visits *v, uint64_t now_ms, uint64_t now_ns);
/* At a clean stop, before the store is closed: hands over what is not written yet. NULL is fine. */
void visits_flush(struct visits *v);

/* For the gauge website_visitors: different visitors in the last five minutes. */
size_t visits_recent(struct visits *v, uint64_t now_ns);

#endif
