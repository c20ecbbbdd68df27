/* SPDX-License-Identifier: MIT */
/*
 * The store's life and what others may ask of it. The queue is in queue.c, the writing thread's
 * work in writer.c.
 */
#include "store/store.h"

#include "base/clock.h"
#include "store/writer.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

struct store {
    uint64_t stale_ns;
    _Atomic uint64_t ticked_at, resumed_at; /* 0: never */
    struct job_queue queue;
    struct writer writer;
    pthread_t thread;
    bool closed;
    struct store_visits visits; /* as found */
};

/* ---- for any thread ---- */

/* Whether nobody of this process ran for a while, so that the probe's age says nothing. */
static bool was_stopped(uint64_t ticked_at, uint64_t now)
{
    return ticked_at != 0 && now > ticked_at + STORE_TICK_LATE_MS * NS_PER_MS;
}

static bool is_up(const struct store *s)
{
    /* In this order: store_tick writes them the other way round. */
    uint64_t ticked_at = s->ticked_at, resumed_at = s->resumed_at;
    uint64_t alive_at = s->writer.probed_at, now = clock_mono_ns();

    if (resumed_at > alive_at)
        alive_at = resumed_at;
    /* The probe may be newer than `now`. */
    return !s->queue.shut &&
           (now < alive_at || now - alive_at <= s->stale_ns || was_stopped(ticked_at, now));
}

void store_tick(struct store *s, uint64_t now_ns)
{
    if (was_stopped(s->ticked_at, now_ns))
        s->resumed_at = now_ns;
    s->ticked_at = now_ns;
}

enum store_refusal store_submit(struct store *s, struct store_job *job)
{
    MUST(job->done != NULL);
    return is_up(s) ? job_queue_add(&s->queue, job) : STORE_DOWN;
}

void store_health(const struct store *s, struct store_health *ret)
{
    ret->up = is_up(s);
    ret->latency_ns = s->writer.probe_latency;
}

void store_stats(const struct store *s, struct store_stats *ret)
{
    ret->queue_length = s->queue.length;
    ret->queue_limit = s->queue.max;
    ret->queue_full = s->queue.n_full;
}

void store_set_retention(struct store *s, uint64_t ns)
{
    s->writer.retention_ns = ns;
}

/* ---- the visitor counter ---- */

void store_visits_release(struct store_visits *v)
{
    if (v->hashes != NULL)
        sodium_memzero(v->hashes, (v->visitors - v->first) * sizeof(v->hashes[0]));
    free(v->hashes);
    sodium_memzero(v, sizeof(*v));
}

void store_take_visits(struct store *s, struct store_visits *ret)
{
    *ret = s->visits;
    sodium_memzero(&s->visits, sizeof(s->visits));
}

/* ---- a backup ---- */

struct backup {
    const struct store *store;
    store_stop_fn *stop;
    void *ctx;
};

static bool must_stop(void *arg)
{
    const struct backup *b = arg;

    return b->store->queue.shut || (b->stop != NULL && b->stop(b->ctx));
}

bool store_backup(struct store *s,
                  const char *file,
                  store_stop_fn *stop,
                  void *ctx,
                  uint64_t *ret_bytes,
                  struct err *err)
{
    struct backup b = {s, stop, ctx};

    return s->writer.ops->backup(s->writer.arg, file, must_stop, &b, ret_bytes, err);
}

/* ---- life ---- */

static uint64_t ms_or(uint32_t ms, uint32_t otherwise)
{
    return (ms != 0 ? ms : otherwise) * NS_PER_MS;
}

static struct store *store_make(const struct store_options *opt)
{
    struct store *s = must_calloc(1, sizeof(*s));
    struct writer *w = &s->writer;

    s->stale_ns = ms_or(opt->stale_ms, STORE_PROBE_STALE_MS);
    job_queue_init(&s->queue, opt->queue_max != 0 ? opt->queue_max : STORE_QUEUE_MAX);
    w->ops = opt->ops;
    w->arg = opt->arg;
    w->log = opt->log;
    w->probe_ns = ms_or(opt->probe_ms, STORE_PROBE_MS);
    w->retry_ns = ms_or(opt->retry_ms, STORE_RETRY_MS);
    w->tidy_ns = ms_or(opt->tidy_ms, STORE_TIDY_MS);
    w->retention_ns = opt->retention_ns;
    w->wait_ms = opt->wait_ms;
    w->queue = &s->queue;
    meter_init(&w->meter, opt->metrics, opt->shard);
    return s;
}

static void store_destroy(struct store *s)
{
    job_queue_release(&s->queue);
    store_visits_release(&s->visits);
    free(s);
}

static void *run(void *arg)
{
    writer_run(arg);
    return NULL;
}

/* Signals are for the threads that wait for them; the writer gets none. */
static bool start_thread(struct store *s, struct err *err)
{
    sigset_t all, old;
    int rc;

    MUST(sigfillset(&all) == 0);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    rc = pthread_create(&s->thread, NULL, run, &s->writer);
    MUST(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (rc != 0)
        return err_set_errno(err, rc, "cannot start the store's thread");
    (void)pthread_setname_np(s->thread, "store");
    return true;
}

bool store_new(const struct store_options *opt, struct store **ret, struct err *err)
{
    struct store *s = store_make(opt);

    if (!writer_open(&s->writer, err)) {
        store_destroy(s);
        return false;
    }
    if (!s->writer.ops->get_visits(s->writer.backend, &s->visits, err) || !start_thread(s, err)) {
        writer_close(&s->writer);
        store_destroy(s);
        return false;
    }
    *ret = s;
    return true;
}

bool store_close(struct store *s)
{
    if (s == NULL)
        return true;
    if (!s->closed) {
        job_queue_close(&s->queue);
        MUST(pthread_join(s->thread, NULL) == 0);
        s->closed = true;
    }
    return !s->writer.spoilt;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    (void)store_close(s);
    store_destroy(s);
}
