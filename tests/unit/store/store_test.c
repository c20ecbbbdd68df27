/* SPDX-License-Identifier: MIT */
/*
 * The queue, the batches, and the store's life, on a fake backend. Going down and coming back is in store_down_test.c.
 */
#include "store/store.h"

#include "tests/unit/store/fake.h"

#include <pthread.h>

TEST(jobs_that_come_during_a_commit_are_the_next_batch)
{
    struct bench b;
    struct test_job jobs[6];

    bench_start(&b);
    start_commit(&b, jobs, 6);
    for (int i = 1; i < 6; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    unblock(&b);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
        assert_int_equal(jobs[i].times, 1);
    }
    assert_int_equal(b.backend.n_batches, 2);
    assert_int_equal(b.backend.batches[0], 1);
    assert_int_equal(b.backend.batches[1], 5);
    bench_end(&b);
}

TEST(nobody_hears_of_a_job_before_its_commit_returns)
{
    struct bench b;
    struct test_job job;

    bench_start(&b);
    start_commit(&b, &job, 1);
    assert_int_equal(job.times, 0);
    unblock(&b);
    assert_int_equal(test_job_wait(&job), STORE_STORED);
    bench_end(&b);
}

TEST(a_batch_is_bounded)
{
    enum { N = 1 + 2 * STORE_BATCH_MAX + 3 };
    static const int expected[] = {1, STORE_BATCH_MAX, STORE_BATCH_MAX, 3};
    struct bench b;
    struct test_job *jobs = must_calloc(N, sizeof(*jobs));

    bench_start(&b);
    start_commit(&b, jobs, N);
    for (int i = 1; i < N; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    unblock(&b);
    for (int i = 0; i < N; i++)
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
    assert_int_equal(b.backend.n_batches, ARRAY_LEN(expected));
    assert_memory_equal(b.backend.batches, expected, sizeof(expected));
    bench_end(&b);
    free(jobs);
}

TEST(the_queue_refuses_one_job_too_many)
{
    struct bench b;
    struct test_job jobs[5];
    struct store_stats stats;

    bench_make(&b);
    b.options.queue_max = 3;
    assert_true(store_new(&b.options, &b.store, NULL));
    start_commit(&b, jobs, 5);
    for (int i = 1; i < 4; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    assert_int_equal(store_submit(b.store, &jobs[4].job), STORE_FULL);
    store_stats(b.store, &stats);
    assert_int_equal(stats.queue_length, 3);
    assert_int_equal(stats.queue_limit, 3);
    assert_int_equal(stats.queue_full, 1);
    unblock(&b);
    for (int i = 0; i < 4; i++)
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
    assert_int_equal(jobs[4].times, 0);
    assert_int_equal(submit_and_wait(b.store, &jobs[4]), STORE_STORED);
    store_stats(b.store, &stats);
    assert_int_equal(stats.queue_length, 0);
    bench_end(&b);
}

/* Submits itself again and again, so that the writer never finds its queue empty. */
struct loop_job {
    struct store_job job;
    struct store *store;
    _Atomic bool stop;
    sem_t stopped;
};

static void loop_done(struct store_job *job)
{
    struct loop_job *l = CONTAINER_OF(job, struct loop_job, job);

    if (l->stop || store_submit(l->store, job) != STORE_ACCEPTED)
        (void)sem_post(&l->stopped);
}

TEST(a_busy_writer_probes_and_tidies_between_batches)
{
    struct bench b;
    struct loop_job loop = {.job.done = loop_done};
    int probes, tidies;

    bench_make(&b);
    b.options.tidy_ms = 1;
    assert_true(store_new(&b.options, &b.store, NULL));
    loop.store = b.store;
    make_id(loop.job.sub.id, 1);
    assert_int_equal(sem_init(&loop.stopped, 0, 0), 0);
    assert_int_equal(store_submit(b.store, &loop.job), STORE_ACCEPTED);
    probes = b.backend.calls[PROBE];
    tidies = b.backend.calls[TIDY];
    WAIT_UNTIL(b.backend.calls[PROBE] >= probes + 3 && b.backend.calls[TIDY] >= tidies + 3);
    assert_true(is_up(b.store));
    loop.stop = true;
    wait_sem(&loop.stopped);
    bench_end(&b);
}

static void *free_store(void *store)
{
    store_free(store);
    return NULL;
}

static void free_job(struct store_job *job)
{
    free(CONTAINER_OF(job, struct test_job, job));
}

/* A job that nobody waits for. */
static enum store_refusal submit_one_more(struct store *s)
{
    struct test_job *t = must_calloc(1, sizeof(*t));
    enum store_refusal refusal;

    test_job_init(t, 99);
    t->job.done = free_job;
    refusal = store_submit(s, &t->job);
    if (refusal != STORE_ACCEPTED)
        free(t);
    return refusal;
}

TEST(closing_finishes_what_waits_and_refuses_the_rest)
{
    struct bench b;
    struct test_job jobs[3];
    pthread_t thread;

    bench_start(&b);
    start_commit(&b, jobs, 3);
    for (int i = 1; i < 3; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    assert_int_equal(pthread_create(&thread, NULL, free_store, b.store), 0);
    /* The commit is blocked, so the store lives; the other thread closes it any moment now. */
    WAIT_UNTIL(submit_one_more(b.store) == STORE_DOWN);
    unblock(&b);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
    assert_int_equal(b.backend.calls[CHECKPOINT], 2);
    assert_int_equal(b.backend.closes, 1);
    place_remove(&b.place);
}

TEST(a_store_that_fails_to_start_leaves_nothing_open)
{
    static const struct {
        int operation, closes;
    } cases[] = {
        {OPEN,       0},
        {CHECKPOINT, 1},
        {PROBE,      1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        struct store *marker;
        struct err err = ERR_INIT;

        bench_make(&b);
        marker = (struct store *)&b;
        b.store = marker;
        b.backend.fail[cases[i].operation] = true;
        assert_false(store_new(&b.options, &b.store, &err));
        assert_ptr_equal(b.store, marker);
        assert_int_equal(err.kind, ERR_IO);
        assert_int_equal(b.backend.closes, cases[i].closes);
        assert_int_equal(count_of(&b.place, METRIC_DB_CONNECTIONS), 0);
        place_remove(&b.place);
    }
}

TEST(a_start_waits_for_others_who_use_the_database_as_long_as_it_is_told_to)
{
    struct bench b;
    struct err err = ERR_INIT;

    bench_make(&b);
    b.backend.users = 3;
    assert_false(store_new(&b.options, &b.store, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(b.backend.calls[CHECKPOINT], 1);
    assert_int_equal(b.backend.closes, 1);
    b.options.wait_ms = UINT64_C(1000) * PATIENCE_SECONDS;
    assert_true(store_new(&b.options, &b.store, NULL)); /* two more tries, then nobody does */
    assert_int_equal(b.backend.calls[CHECKPOINT], 4);
    assert_true(store_close(b.store));
    bench_end(&b);
    bench_make(&b);
    b.backend.fail[CHECKPOINT] = true; /* nothing to wait for */
    b.options.wait_ms = UINT64_C(1000) * PATIENCE_SECONDS;
    assert_false(store_new(&b.options, &b.store, NULL));
    assert_int_equal(b.backend.calls[CHECKPOINT], 1);
    bench_end(&b);
}

TEST(a_store_says_at_the_end_that_its_database_is_not_what_it_was)
{
    struct bench b;

    enum { WELL, FAILS, REPLACED, CASES };

    for (int is = WELL; is < CASES; is++) {
        bench_make(&b);
        b.options.probe_ms = 0;
        assert_true(store_new(&b.options, &b.store, NULL));
        b.backend.fail[PROBE] = is == FAILS; /* a disk or no memory: the next start may be better */
        b.backend.replaced = is == REPLACED;
        b.backend.fail[CHECKPOINT] = true; /* which the next start makes up for */
        assert_true(store_close(b.store) == (is != REPLACED));
        assert_true(store_close(b.store) == (is != REPLACED));
        b.backend.fail[PROBE] = false;
        b.backend.replaced = false;
        bench_end(&b);
    }
}

TEST(no_store_is_fine_to_free)
{
    struct store *none = NULL;

    store_free(none);
    assert_null(none);
}

TEST(a_new_store_is_healthy_and_counts_from_zero)
{
    struct bench b;

    bench_start(&b);
    assert_true(is_up(b.store));
    for (size_t i = 0; i < OPERATIONS; i++)
        assert_int_equal(errors_of(&b.place, operation_names[i]), 0);
    /* That lookup made none: all were there. */
    assert_int_equal(registry_series(b.place.registry, METRIC_STORE_ERRORS), OPERATIONS);
    assert_int_equal(count_of(&b.place, METRIC_STORE_REOPENS), 0);
    assert_int_equal(count_of(&b.place, METRIC_DB_CONNECTIONS), 1);
    bench_end(&b);
}

TEST(batches_and_commits_are_observed)
{
    struct bench b;
    struct test_job jobs[4];
    struct metric batch;
    uint64_t in_buckets = 0;

    bench_start(&b);
    start_commit(&b, jobs, 4);
    for (int i = 1; i < 4; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    unblock(&b);
    for (int i = 0; i < 4; i++)
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
    batch = series_plain(b.place.registry, METRIC_STORE_BATCH);
    for (uint32_t i = 0; i <= N_BOUNDS_BATCH; i++)
        in_buckets += metric_value(b.place.registry, (struct metric){batch.cell + i, 0});
    assert_int_equal(in_buckets, 2);
    assert_int_equal(
        metric_value(b.place.registry, (struct metric){batch.cell + N_BOUNDS_BATCH + 1, 0}), 4);
    bench_end(&b);
}

/* ---- many threads ---- */

enum { SUBMITTERS = 4, JOBS_EACH = 500 };

struct submitter {
    struct store *store;
    struct test_job *jobs;
    int stored, failed, refused;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;

    for (int i = 0; i < JOBS_EACH; i++) {
        if (store_submit(s->store, &s->jobs[i].job) != STORE_ACCEPTED) {
            s->refused++;
            continue;
        }
        while (sem_wait(&s->jobs[i].done) != 0)
            ;
        *(s->jobs[i].job.result == STORE_STORED ? &s->stored : &s->failed) += 1;
    }
    return NULL;
}

TEST(every_job_of_many_threads_is_answered_once_also_when_commits_fail)
{
    struct bench b;
    struct submitter submitters[SUBMITTERS];
    pthread_t threads[SUBMITTERS];

    bench_start(&b);
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){.store = b.store};
        submitters[i].jobs = must_calloc(JOBS_EACH, sizeof(struct test_job));
        for (unsigned k = 0; k < JOBS_EACH; k++)
            test_job_init(&submitters[i].jobs[k], k);
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    b.backend.fail[COMMIT] = true;
    b.backend.fail[PROBE] = true; /* for when they are all done already */
    WAIT_UNTIL(!is_up(b.store));
    b.backend.fail[COMMIT] = false;
    b.backend.fail[PROBE] = false;
    for (int i = 0; i < SUBMITTERS; i++) {
        struct submitter *s = &submitters[i];

        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(s->stored + s->failed + s->refused, JOBS_EACH);
        for (int k = 0; k < JOBS_EACH; k++)
            assert_true(s->jobs[k].times <= 1);
        free(s->jobs);
    }
    bench_end(&b);
}

RUN_TESTS(T(jobs_that_come_during_a_commit_are_the_next_batch),
          T(nobody_hears_of_a_job_before_its_commit_returns),
          T(a_batch_is_bounded),
          T(the_queue_refuses_one_job_too_many),
          T(a_busy_writer_probes_and_tidies_between_batches),
          T(closing_finishes_what_waits_and_refuses_the_rest),
          T(a_store_that_fails_to_start_leaves_nothing_open),
          T(a_start_waits_for_others_who_use_the_database_as_long_as_it_is_told_to),
          T(a_store_says_at_the_end_that_its_database_is_not_what_it_was),
          T(no_store_is_fine_to_free),
          T(a_new_store_is_healthy_and_counts_from_zero),
          T(batches_and_commits_are_observed),
          T(every_job_of_many_threads_is_answered_once_also_when_commits_fail))
