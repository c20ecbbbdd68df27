/* SPDX-License-Identifier: MIT */
/*
 * What the store's tests share: a directory that goes away, a registry, jobs that say when they are done, and waiting for
 * another thread without guessing how long it takes.
 */
#ifndef SIDELIGHT_TESTS_STORE_FIXTURE_H
#define SIDELIGHT_TESTS_STORE_FIXTURE_H

#include "base/clock.h"
#include "metrics/metrics.h"
#include "store/sqlite.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Longer than any wait that ends well; only a broken test reaches it. */
enum { PATIENCE_SECONDS = 60 };

UNUSED static uint64_t patience_end(void)
{
    return clock_mono_ns() + PATIENCE_SECONDS * NS_PER_SEC;
}

UNUSED static void be_patient(uint64_t end)
{
    assert_true(clock_mono_ns() < end);
    clock_sleep_ms(1);
}

#define WAIT_UNTIL(cond)                                            \
    for (uint64_t end_ = patience_end(); !(cond); be_patient(end_)) \
    continue

UNUSED static void wait_sem(sem_t *sem)
{
    struct timespec end;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &end), 0);
    end.tv_sec += PATIENCE_SECONDS;
    while (sem_timedwait(sem, &end) != 0)
        assert_int_equal(errno, EINTR);
}

/* ---- a place for a store ---- */

struct place {
    char dir[64], path[96], log_path[104];
    struct registry *registry;
    struct shard *shard;
    struct sqlite_options sqlite;
};

UNUSED static void place_make(struct place *p)
{
    static const struct registry_options options = {.shards = 2, .max_samples = 5000};

    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/sidelight-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof(p->path), "%s/test.db", p->dir);
    (void)snprintf(p->log_path, sizeof(p->log_path), "%s-wal", p->path);
    p->registry = registry_new(metric_table, METRIC_FAMILIES, &options);
    p->shard = registry_shard(p->registry, 1);
    p->sqlite = (struct sqlite_options){.path = p->path};
}

static int place_remove_one(const char *path,
                            UNUSED const struct stat *st,
                            UNUSED int type,
                            UNUSED struct FTW *ftw)
{
    return remove(path);
}

UNUSED static void place_remove(struct place *p)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread uses the directory any more */
    assert_int_equal(nftw(p->dir, place_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    registry_free(p->registry);
}

UNUSED static uint64_t count_of(struct place *p, enum metric_family family)
{
    return metric_value(p->registry, series_plain(p->registry, family));
}

UNUSED static uint64_t errors_of(struct place *p, const char *operation)
{
    struct slice value = slice_str(operation);

    return metric_value(p->registry, series_get(p->registry, METRIC_STORE_ERRORS, &value));
}

/* ---- jobs ---- */

struct test_job {
    struct store_job job;
    sem_t done;
    _Atomic int times; /* that `done` was called */
};

UNUSED static void test_job_done(struct store_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);

    t->times++;
    (void)sem_post(&t->done);
}

/* An ID like a real one, made from a number. */
UNUSED static void make_id(char id[ID_LEN + 1], unsigned n)
{
    (void)snprintf(id, ID_LEN + 1, "019a0000-0000-7000-8000-%012x", n);
}

UNUSED static void test_job_init(struct test_job *t, unsigned n)
{
    *t = (struct test_job){
        .job.done = test_job_done,
        .job.result = STORE_FAILED,
        .job.sub.received_ms = 4100000000000 + n,
        .job.sub.name = SLICE_LIT("Ada"),
        .job.sub.email = SLICE_LIT("ada@example.com"),
        .job.sub.message = SLICE_LIT("Hello"),
        .job.sub.source = SLICE_LIT("website"),
        .job.sub.correlation_id = SLICE_LIT("corr-1"),
    };
    make_id(t->job.sub.id, n);
    assert_int_equal(sem_init(&t->done, 0, 0), 0);
}

UNUSED static void test_job_key(struct test_job *t, const char *key, uint8_t fingerprint)
{
    t->job.sub.key = slice_str(key);
    memset(t->job.sub.fingerprint, fingerprint, STORE_FINGERPRINT);
}

UNUSED static void test_job_delete(struct test_job *t, unsigned n)
{
    test_job_init(t, n);
    t->job.kind = STORE_DELETE;
}

UNUSED static enum store_result test_job_wait(struct test_job *t)
{
    wait_sem(&t->done);
    return t->job.result;
}

UNUSED static enum store_result submit_and_wait(struct store *s, struct test_job *t)
{
    assert_int_equal(store_submit(s, &t->job), STORE_ACCEPTED);
    return test_job_wait(t);
}

/* ---- a real store ---- */

UNUSED static struct store *sqlite_store(struct place *p)
{
    struct sqlite_options sqlite = {.path = p->path};
    struct store_options options = {
        .ops = &sqlite_ops,
        .arg = &p->sqlite,
        .metrics = p->registry,
        .shard = p->shard,
        .retry_ms = 1,
    };
    struct store *s = NULL;
    struct err err = ERR_INIT;

    p->sqlite = sqlite;
    if (!store_new(&options, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

UNUSED static struct store_backend *sqlite_backend(struct place *p)
{
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;

    p->sqlite = (struct sqlite_options){.path = p->path};
    if (!sqlite_ops.open(&p->sqlite, &b, &err))
        fail_msg("%s", err.text);
    return b;
}

/* The whole file, NUL-terminated; the caller frees it. */
UNUSED static char *file_bytes(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    char *bytes;
    long n;

    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    bytes = must_calloc((size_t)n + 1, 1);
    assert_int_equal(fread(bytes, 1, (size_t)n, f), n);
    assert_int_equal(fclose(f), 0);
    *ret_n = (size_t)n;
    return bytes;
}

UNUSED static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

UNUSED static bool is_up(const struct store *s)
{
    struct store_health health;

    store_health(s, &health);
    return health.up;
}

#endif
