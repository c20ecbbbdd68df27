/* SPDX-License-Identifier: MIT */
/* The visitor counter: the lock around visitors.c, the end of the day, and writes to the store. */
#include "api/visits.h"
#include "api/visitors.h"
#include "base/clock.h"
#include "metrics/metrics.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define DAY_MS UINT64_C(86400000)
#define BACK_MS UINT64_C(3600000) /* a step back over midnight that is no new day */

struct visits {
    struct store *store;
    struct metric page_views, uncounted;
    pthread_mutex_t mutex; /* guards all that follows */
    uint64_t views;
    struct visitors today;
    uint64_t changes;    /* of anything that is to be written */
    uint64_t written;    /* `changes` at the last write that succeeded */
    size_t stored;       /* visitors of today that the store has, from the first on */
    bool in_store;       /* the store has a day, today's or an earlier one */
    bool writing;        /* a write is under way */
    uint64_t next_flush; /* monotonic ns: not before */
};

/* A write: the counter as it was, without the blocks that the store has already. */
struct flush {
    struct store_job job;
    struct store_visits visits;
    struct visits *owner;
    uint64_t changes;
};

static void lock(struct visits *v)
{
    MUST(pthread_mutex_lock(&v->mutex) == 0);
}

static void unlock(struct visits *v)
{
    MUST(pthread_mutex_unlock(&v->mutex) == 0);
}

/* The monotonic clock may begin at 0, which stands for "never" in visitors.c. */
static uint32_t seconds(uint64_t now_ns)
{
    return (uint32_t)(now_ns / NS_PER_SEC) + 1;
}

/* ---- life ---- */

struct visits *visits_new(struct api *api)
{
    struct visits *v = must_calloc(1, sizeof(*v));
    struct store_visits kept;

    v->store = api->store;
    v->page_views = series_plain(api->registry, METRIC_PAGE_VIEWS);
    v->uncounted = series_plain(api->registry, METRIC_VISITORS_UNCOUNTED);
    MUST(pthread_mutex_init(&v->mutex, NULL) == 0);
    store_take_visits(api->store, &kept);
    v->views = kept.views;
    if (kept.day > 0) {
        visitors_load(&v->today, &kept);
        v->in_store = true;
        /* One that was stored twice would shift those after it: then all are written again. */
        v->stored = v->today.n == kept.visitors ? kept.visitors : 0;
    }
    store_visits_release(&kept);
    return v;
}

void visits_free(struct visits *v)
{
    if (v == NULL)
        return;
    MUST(!v->writing);
    visitors_release(&v->today);
    MUST(pthread_mutex_destroy(&v->mutex) == 0);
    free(v);
}

/* ---- counting ---- */

/*
 * Locked. True when the day ended: then its visitors are in `ret`, for the caller to release. What
 * the store has of them is deleted by the next write, which is due at once.
 */
static bool end_day(struct visits *v, uint64_t now_ms, struct visitors *ret)
{
    uint64_t day = now_ms >= DAY_MS ? now_ms / DAY_MS : 1; /* 0 stands for "none" */

    if (day == v->today.day || (day < v->today.day && v->today.day * DAY_MS - now_ms < BACK_MS))
        return false;
    *ret = v->today;
    v->today = (struct visitors){.recent = ret->recent};
    visitors_new_day(&v->today, day);
    v->stored = 0;
    v->next_flush = 0;
    if (v->in_store)
        v->changes++;
    return true;
}

/* Locks, in the day of that time. The one that ended is up to 5 MB: it goes without the lock. */
static void lock_day(struct visits *v, uint64_t now_ms)
{
    struct visitors old;

    lock(v);
    while (end_day(v, now_ms, &old)) {
        unlock(v);
        visitors_release(&old);
        lock(v);
    }
}

/*
 * Locks, too. The hash of a long User-Agent takes a while, so it is made without the lock, and
 * again if the day ended meanwhile.
 */
static uint64_t lock_and_hash(struct visits *v, const struct request *rq)
{
    uint8_t salt[STORE_SALT];
    bool same = false;
    uint64_t hash = 0;

    lock_day(v, rq->start_ms);
    while (!same) {
        memcpy(salt, v->today.salt, sizeof(salt));
        unlock(v);
        hash = visitors_hash(salt, &rq->client, rq->head.user_agent);
        lock_day(v, rq->start_ms);
        same = sodium_memcmp(salt, v->today.salt, sizeof(salt)) == 0;
    }
    sodium_memzero(salt, sizeof(salt));
    return hash;
}

void visits_add(struct visits *v, const struct request *rq, struct visits_count *ret)
{
    struct shard *shard = request_shard(rq);
    uint64_t hash = lock_and_hash(v, rq);
    enum visitor visitor = visitors_see(&v->today, hash, seconds(rq->start_ns));

    v->views++;
    v->changes++;
    *ret = (struct visits_count){v->views, v->today.n};
    unlock(v);
    metric_add(shard, v->page_views, 1);
    if (visitor == VISITOR_UNCOUNTED)
        metric_add(shard, v->uncounted, 1);
}

void visits_get(struct visits *v, const struct request *rq, struct visits_count *ret)
{
    lock_day(v, rq->start_ms);
    *ret = (struct visits_count){v->views, v->today.n};
    unlock(v);
}

size_t visits_recent(struct visits *v, uint64_t now_ns)
{
    size_t n;

    lock(v);
    n = visitors_recent(&v->today, seconds(now_ns));
    unlock(v);
    return n;
}

/* ---- writing ---- */

/* Locked: the first of the visitors that are to be written. */
static size_t first_due(const struct visits *v)
{
    return v->stored / STORE_BLOCK * STORE_BLOCK;
}

/*
 * Locks, and returns with room for all that is to be written, with some to spare: more may come.
 * Overwritten, so that the kernel hands its pages out now and not under the lock.
 */
static uint64_t *lock_with_room(struct visits *v)
{
    uint64_t *hashes = NULL;
    size_t room = 0, n;

    lock(v);
    while ((n = v->today.n - first_due(v)) > room) {
        unlock(v);
        free(hashes);
        room = n + STORE_BLOCK;
        hashes = must_calloc(room, sizeof(hashes[0]));
        sodium_memzero(hashes, room * sizeof(hashes[0]));
        lock(v);
    }
    return hashes;
}

static struct flush *flush_new(struct visits *v)
{
    struct flush *f = must_calloc(1, sizeof(*f));
    uint64_t *hashes = lock_with_room(v);
    size_t first = first_due(v), n = v->today.n - first;

    f->visits = (struct store_visits){.views = v->views,
                                      .day = v->today.day,
                                      .visitors = v->today.n,
                                      .first = first,
                                      .hashes = hashes};
    memcpy(f->visits.salt, v->today.salt, sizeof(f->visits.salt));
    if (n > 0)
        memcpy(hashes, &v->today.hashes[first], n * sizeof(hashes[0]));
    f->changes = v->changes;
    unlock(v);
    f->owner = v;
    f->job.kind = STORE_VISITS;
    f->job.visits = &f->visits;
    return f;
}

static void flush_free(struct flush *f)
{
    store_visits_release(&f->visits);
    free(f);
}

/* On the store's thread. A write that failed, or may have, is made again with newer numbers. */
static void flush_done(struct store_job *job)
{
    struct flush *f = CONTAINER_OF(job, struct flush, job);
    struct visits *v = f->owner;
    bool today;

    lock(v);
    v->writing = false;
    /* Not by its number: a clock that is set back may begin a day again. */
    today = sodium_memcmp(f->visits.salt, v->today.salt, STORE_SALT) == 0;
    if (job->result == STORE_STORED) {
        v->in_store = true;
        v->written = f->changes;
        if (today)
            v->stored = f->visits.visitors;
        else
            v->changes++; /* the day ended while it was written: it must be deleted */
    } else if (job->result == STORE_NOT_FOUND && today) {
        v->stored = 0;
        v->next_flush = 0;
    }
    unlock(v);
    flush_free(f);
}

static void submit(struct visits *v, struct flush *f)
{
    f->job.done = flush_done;
    if (store_submit(v->store, &f->job) == STORE_ACCEPTED)
        return;
    lock(v);
    v->writing = false;
    unlock(v);
    flush_free(f);
}

void visits_tick(struct visits *v, uint64_t now_ms, uint64_t now_ns)
{
    bool due;

    lock_day(v, now_ms);
    due = !v->writing && v->changes != v->written && now_ns >= v->next_flush;
    if (due) {
        v->next_flush = now_ns + VISITS_FLUSH_S * NS_PER_SEC;
        v->writing = true;
    }
    unlock(v);
    if (due)
        submit(v, flush_new(v));
}

void visits_flush(struct visits *v)
{
    bool due;

    if (v == NULL)
        return;
    lock(v);
    due = v->changes != v->written;
    v->writing = v->writing || due;
    unlock(v);
    if (due)
        submit(v, flush_new(v));
}
