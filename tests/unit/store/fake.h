/* SPDX-License-Identifier: MIT */
/*
 * A backend that does what the test tells it: fails, or waits in the middle of an operation; and counts.
 */
#ifndef SIDELIGHT_TESTS_STORE_FAKE_H
#define SIDELIGHT_TESTS_STORE_FAKE_H

#include "tests/unit/store/fixture.h"

enum { OPEN, BEGIN, ADD, DELETE, VISITS, COMMIT, CHECKPOINT, PROBE, TIDY, OPERATIONS };
static const char *const operation_names[OPERATIONS] = {
    "open", "begin", "add", "delete", "visits", "commit", "checkpoint", "probe", "tidy"};

enum { BATCHES = 64 };

struct store_backend {
    _Atomic bool fail[OPERATIONS];
    _Atomic int calls[OPERATIONS];
    _Atomic int rollbacks, closes;
    _Atomic int block; /* the operation that waits for `release`; -1: none */
    sem_t entered, release;
    /* Of the commits that were tried, in order; read when nothing runs. */
    int adds;
    int batches[BATCHES], n_batches;
    _Atomic bool wiped;            /* what the next write of visits says */
    uint64_t views;                /* that are stored already */
    bool unreadable;               /* they can't be read */
    _Atomic bool missing;          /* what is to be deleted is not there */
    _Atomic uint64_t retention_ms; /* that the last tidy was told */
    _Atomic uint64_t now_ms;       /* the same */
    _Atomic uint64_t added_at_ms;  /* by which the last ADD judges keys */
    uint64_t used_ms;              /* what an earlier run has left */
    _Atomic size_t to_expire;      /* submissions, by EXPIRE_STEP in each tidy */
    _Atomic bool backing_up;       /* a backup is under way, and goes on until told to stop */
    _Atomic bool endless_backups;
    _Atomic bool replaced; /* what a probe finds */
    int users;             /* checkpoints that somebody else holds up */
};

enum { EXPIRE_STEP = 10, BACKUP_BYTES = 4096 };

static bool act(struct store_backend *b, int operation, struct err *err)
{
    b->calls[operation]++;
    if (b->block == operation) {
        (void)sem_post(&b->entered);
        (void)sem_wait(&b->release);
    }
    if (b->fail[operation])
        return err_set(err, ERR_IO, "no %s today", operation_names[operation]);
    return true;
}

static bool fake_open(void *arg, struct store_backend **ret, struct err *err)
{
    if (!act(arg, OPEN, err))
        return false;
    *ret = arg;
    return true;
}

static void fake_close(struct store_backend *b)
{
    b->closes++;
}

static uint64_t fake_used_ms(const struct store_backend *b)
{
    return b->used_ms;
}

static bool fake_begin(struct store_backend *b, struct err *err)
{
    b->adds = 0;
    return act(b, BEGIN, err);
}

static bool fake_add(struct store_backend *b, struct store_job *job, struct err *err)
{
    job->result = STORE_STORED;
    b->adds++;
    b->added_at_ms = job->now_ms;
    return act(b, ADD, err);
}

static bool fake_remove(struct store_backend *b, struct store_job *job, struct err *err)
{
    job->result = b->missing ? STORE_NOT_FOUND : STORE_DELETED;
    b->adds++;
    return act(b, DELETE, err);
}

static bool fake_put_visits(struct store_backend *b, struct store_job *job, struct err *err)
{
    job->result = STORE_STORED;
    job->visits->wiped = b->wiped;
    return act(b, VISITS, err);
}

static bool fake_get_visits(struct store_backend *b, struct store_visits *ret, struct err *err)
{
    if (b->unreadable)
        return err_set(err, ERR_IO, "no visits today");
    *ret = (struct store_visits){.views = b->views};
    return true;
}

static bool fake_commit(struct store_backend *b, struct err *err)
{
    if (b->n_batches < BATCHES)
        b->batches[b->n_batches++] = b->adds;
    return act(b, COMMIT, err);
}

static void fake_rollback(struct store_backend *b)
{
    b->rollbacks++;
}

static bool fake_checkpoint(struct store_backend *b, struct err *err)
{
    if (b->users > 0) {
        b->users--;
        b->calls[CHECKPOINT]++;
        return err_set(err, ERR_CONFLICT, "somebody else uses it");
    }
    return act(b, CHECKPOINT, err);
}

static bool fake_probe(struct store_backend *b, struct err *err)
{
    return act(b, PROBE, err) && (!b->replaced || err_set(err, ERR_CONFLICT, "replaced"));
}

static bool fake_tidy(struct store_backend *b,
                      const struct store_upkeep *upkeep,
                      struct store_tidied *ret,
                      struct err *err)
{
    size_t left = b->to_expire, n = left < EXPIRE_STEP ? left : EXPIRE_STEP;

    b->retention_ms = upkeep->retention_ms;
    b->now_ms = upkeep->now_ms;
    if (!act(b, TIDY, err))
        return false;
    b->to_expire -= n;
    *ret = (struct store_tidied){n, n == EXPIRE_STEP};
    return true;
}

/* Any thread but the writing one. */
static bool fake_backup(void *arg,
                        const char *file,
                        store_stop_fn *stop,
                        void *ctx,
                        uint64_t *ret_bytes,
                        struct err *err)
{
    struct store_backend *b = arg;

    if (strcmp(file, "/taken") == 0)
        return err_set(err, ERR_CONFLICT, "'%s' is taken", file);
    b->backing_up = true;
    while (b->endless_backups)
        if (stop(ctx)) {
            b->backing_up = false;
            return err_set(err, ERR_UNAVAILABLE, "told to stop");
        }
    b->backing_up = false;
    *ret_bytes = BACKUP_BYTES;
    return true;
}

static const struct store_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .used_ms = fake_used_ms,
    .begin = fake_begin,
    .add = fake_add,
    .remove = fake_remove,
    .put_visits = fake_put_visits,
    .get_visits = fake_get_visits,
    .commit = fake_commit,
    .rollback = fake_rollback,
    .checkpoint = fake_checkpoint,
    .probe = fake_probe,
    .tidy = fake_tidy,
    .backup = fake_backup,
};

struct bench {
    struct place place;
    struct store_backend backend;
    struct store_options options;
    struct store *store;
};

UNUSED static void bench_make(struct bench *b)
{
    *b = (struct bench){.backend.block = -1};
    place_make(&b->place);
    assert_int_equal(sem_init(&b->backend.entered, 0, 0), 0);
    assert_int_equal(sem_init(&b->backend.release, 0, 0), 0);
    b->options = (struct store_options){
        .ops = &fake_ops,
        .arg = &b->backend,
        .metrics = b->place.registry,
        .shard = b->place.shard,
        .probe_ms = 1,
        .retry_ms = 1,
    };
}

UNUSED static void bench_start(struct bench *b)
{
    bench_make(b);
    assert_true(store_new(&b->options, &b->store, NULL));
}

UNUSED static void bench_end(struct bench *b)
{
    store_free(b->store);
    place_remove(&b->place);
}

static void block(struct bench *b, int operation)
{
    b->backend.block = operation;
}

/* Lets the blocked call go on; later ones are not blocked. */
UNUSED static void unblock(struct bench *b)
{
    b->backend.block = -1;
    (void)sem_post(&b->backend.release);
}

/* Submits jobs[0] and waits until its commit is under way, so that what follows has to queue. */
UNUSED static void start_commit(struct bench *b, struct test_job *jobs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        test_job_init(&jobs[i], i);
    block(b, COMMIT);
    assert_int_equal(store_submit(b->store, &jobs[0].job), STORE_ACCEPTED);
    wait_sem(&b->backend.entered);
}

#endif
