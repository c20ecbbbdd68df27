/* SPDX-License-Identifier: MIT */
/*
 * The writing thread's work, and the decision whether the store is in service. What a commit is,
 * the backend knows.
 */
#include "store/writer.h"

#include "base/clock.h"

#include <signal.h>

/* ---- the backend ---- */

static bool probe(struct writer *w, struct err *err)
{
    uint64_t start = clock_mono_ns(), end;

    w->probe_due = start + w->probe_ns;
    if (!w->ops->probe(w->backend, err))
        return false;
    end = clock_mono_ns();
    w->probe_latency = end - start;
    w->probed_at = end;
    meter_probe(&w->meter, end - start);
    return true;
}

/* The signals that end a server are blocked while it starts. */
static bool told_to_end(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* As long as others use the database, for at most `wait_ms`; each try may wait itself. */
static bool checkpoint(struct writer *w, uint64_t wait_ms, struct err *err)
{
    enum { PAUSE_MS = 50 };
    uint64_t end = clock_mono_ns() + wait_ms * NS_PER_MS;
    struct err cause = ERR_INIT;

    while (!w->ops->checkpoint(w->backend, &cause)) {
        if (cause.kind != ERR_CONFLICT || clock_mono_ns() >= end || told_to_end())
            return err_set(err, cause.kind, "%s", cause.text);
        clock_sleep_ms(PAUSE_MS);
    }
    return true;
}

/*
 * Checkpoints because the log may hold pages of a commit whose sync failed; they read well and are
 * not on the disk.
 */
static bool open_backend(struct writer *w,
                         uint64_t wait_ms,
                         enum store_operation *op,
                         struct err *err)
{
    *op = OP_OPEN;
    if (!w->ops->open(w->arg, &w->backend, err))
        return false;
    meter_connected(&w->meter, true);
    *op = OP_CHECKPOINT;
    if (!checkpoint(w, wait_ms, err))
        return false;
    *op = OP_PROBE;
    return probe(w, err);
}

void writer_close(struct writer *w)
{
    if (w->backend == NULL)
        return;
    w->ops->close(w->backend);
    w->backend = NULL;
    meter_connected(&w->meter, false);
}

bool writer_open(struct writer *w, struct err *err)
{
    enum store_operation op;

    if (!open_backend(w, w->wait_ms, &op, err)) {
        writer_close(w);
        return false;
    }
    age_clock_init(&w->age, w->ops->used_ms != NULL ? w->ops->used_ms(w->backend) : 0,
                   clock_wall_ms(), clock_mono_ns());
    return true;
}

static uint64_t age_ms(struct writer *w)
{
    uint64_t behind = 0, now = age_clock_ms(&w->age, clock_wall_ms(), clock_mono_ns(), &behind);

    if (behind > 0)
        LOG_EVENT(w->log, LOG_WARN, "clock_disbelieved", LOG_INT("ahead_seconds", behind / 1000));
    return now;
}

/* ---- out of service and back ---- */

/* Without the visitor counter's: nobody waits for those. */
static size_t submissions_in(const struct job_list *list)
{
    size_t n = 0;

    for (const struct store_job *job = list->first; job != NULL; job = job->next)
        n += job->kind != STORE_VISITS;
    return n;
}

static void log_failure(struct writer *w,
                        enum store_operation op,
                        const struct err *err,
                        size_t jobs)
{
    LOG_EVENT(w->log, LOG_ERROR, "store_failed", LOG_STR("operation", operation_name(op)),
              LOG_STR("error", err->text), LOG_INT("submissions_failed", jobs));
    w->down_err = *err;
    w->down_op = op;
}

/*
 * Fails `batch` and everything that waits. Out of service first, so that whoever gets a failure
 * also sees why.
 */
static void go_down(struct writer *w,
                    enum store_operation op,
                    const struct err *err,
                    struct job_list *batch)
{
    struct job_list waiting;

    job_queue_shut(w->queue, &waiting);
    w->down_since = clock_mono_ns();
    w->retry_due = w->down_since + w->retry_ns;
    meter_error(&w->meter, op);
    log_failure(w, op, err, submissions_in(batch) + submissions_in(&waiting));
    job_list_fail(batch);
    job_list_fail(&waiting);
}

static void go_up(struct writer *w)
{
    meter_reopened(&w->meter);
    LOG_EVENT(w->log, LOG_INFO, "store_reopened",
              LOG_SECONDS("down_seconds", clock_mono_ns() - w->down_since));
    job_queue_open(w->queue);
}

/* The same failure every second is logged once. */
static void reopen(struct writer *w)
{
    struct err err = ERR_INIT;
    enum store_operation op;

    writer_close(w);
    if (open_backend(w, 0, &op, &err)) {
        go_up(w);
        return;
    }
    w->retry_due = clock_mono_ns() + w->retry_ns;
    meter_error(&w->meter, op);
    if (op != w->down_op || strcmp(err.text, w->down_err.text) != 0)
        log_failure(w, op, &err, 0);
}

/* ---- a batch ---- */

static bool apply(struct writer *w,
                  struct store_job *job,
                  uint64_t now_ms,
                  enum store_operation *op,
                  struct err *err)
{
    bool ok = false;

    switch (job->kind) {
    case STORE_ADD:
        *op = OP_ADD;
        job->now_ms = now_ms;
        ok = w->ops->add(w->backend, job, err);
        break;
    case STORE_DELETE:
        *op = OP_DELETE;
        ok = w->ops->remove(w->backend, job, err);
        if (ok && job->result == STORE_DELETED)
            w->tidy_due = 0; /* its traces are wiped next */
        break;
    case STORE_VISITS:
        *op = OP_VISITS;
        ok = w->ops->put_visits(w->backend, job, err);
        if (ok && job->visits->wiped)
            w->tidy_due = 0;
        break;
    }
    return ok;
}

static bool write_batch(struct writer *w,
                        const struct job_list *batch,
                        enum store_operation *op,
                        struct err *err)
{
    uint64_t start, now_ms = age_ms(w);

    *op = OP_BEGIN;
    if (!w->ops->begin(w->backend, err))
        return false;
    for (struct store_job *job = batch->first; job != NULL; job = job->next)
        if (!apply(w, job, now_ms, op, err))
            return false;
    *op = OP_COMMIT;
    start = clock_mono_ns();
    if (!w->ops->commit(w->backend, err))
        return false;
    meter_commit(&w->meter, submissions_in(batch), clock_mono_ns() - start);
    return true;
}

static void commit_batch(struct writer *w, struct job_list *batch)
{
    struct err err = ERR_INIT;
    enum store_operation op;

    if (write_batch(w, batch, &op, &err)) {
        job_list_answer(batch);
        return;
    }
    w->ops->rollback(w->backend);
    go_down(w, op, &err, batch);
}

/* ---- whatever is due besides, also when batches never pause ---- */

/* One step at a time: submissions that came in meanwhile are first. */
static bool tidy(struct writer *w, uint64_t now, struct err *err)
{
    struct store_upkeep upkeep = {age_ms(w), w->retention_ns / NS_PER_MS};
    struct store_tidied done = {0, false};

    w->tidy_due = now + w->tidy_ns;
    if (!w->ops->tidy(w->backend, &upkeep, &done, err))
        return false;
    meter_expired(&w->meter, done.expired);
    w->expired += done.expired;
    if (done.more) {
        w->tidy_due = now;
    } else if (w->expired > 0) {
        LOG_EVENT(w->log, LOG_INFO, "submissions_expired", LOG_INT("submissions", w->expired));
        w->expired = 0;
    }
    return true;
}

static void keep_house(struct writer *w)
{
    uint64_t now = clock_mono_ns();
    struct err err = ERR_INIT;
    struct job_list none;

    if (w->queue->shut) {
        if (now >= w->retry_due)
            reopen(w);
        return;
    }
    job_list_init(&none);
    if (now >= w->probe_due && !probe(w, &err))
        go_down(w, OP_PROBE, &err, &none);
    else if (now >= w->tidy_due && !tidy(w, now, &err))
        go_down(w, OP_TIDY, &err, &none);
}

static uint64_t next_due(const struct writer *w)
{
    if (w->queue->shut)
        return w->retry_due;
    return w->tidy_due < w->probe_due ? w->tidy_due : w->probe_due;
}

static void log_last(struct writer *w, enum store_operation op, const struct err *err)
{
    meter_error(&w->meter, op);
    log_failure(w, op, err, 0);
}

/* Whatever a checkpoint left in the log is found by the next start, but not what is in a file that is gone. */
static void shut(struct writer *w)
{
    struct err err = ERR_INIT;

    if (w->queue->shut) {
        w->spoilt = w->down_err.kind == ERR_INVALID;
    } else if (!w->ops->probe(w->backend, &err)) {
        log_last(w, OP_PROBE, &err);
        w->spoilt = err.kind != ERR_IO && err.kind != ERR_UNAVAILABLE; /* those may pass */
    } else if (!w->ops->checkpoint(w->backend, &err)) {
        log_last(w, OP_CHECKPOINT, &err);
    }
    writer_close(w);
}

void writer_run(struct writer *w)
{
    struct job_list batch;

    while (job_queue_take(w->queue, next_due(w), &batch)) {
        if (batch.n > 0)
            commit_batch(w, &batch);
        keep_house(w);
    }
    shut(w);
}
