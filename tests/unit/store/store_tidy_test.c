/* SPDX-License-Identifier: MIT */
/*
 * Deletions and upkeep as the store does them, on a fake backend: when they run, what they are told, what is counted and logged.
 */
#include "store/store.h"

#include "tests/unit/store/fake.h"

#define HOUR_NS (3600 * NS_PER_SEC)

/* Starts a store that tidies at the start and then, on its own, not during the test. */
static void start_quietly(struct bench *b)
{
    bench_make(b);
    b->options.tidy_ms = 3600 * 1000;
    assert_true(store_new(&b->options, &b->store, NULL));
    WAIT_UNTIL(b->backend.calls[TIDY] == 1);
}

TEST(a_deletion_shares_a_batch_with_submissions_and_comes_back_with_its_own_result)
{
    struct bench b;
    struct test_job jobs[4];

    start_quietly(&b);
    start_commit(&b, jobs, 4);
    test_job_delete(&jobs[2], 2);
    for (int i = 1; i < 4; i++)
        assert_int_equal(store_submit(b.store, &jobs[i].job), STORE_ACCEPTED);
    unblock(&b);
    assert_int_equal(test_job_wait(&jobs[1]), STORE_STORED);
    assert_int_equal(test_job_wait(&jobs[2]), STORE_DELETED);
    assert_int_equal(test_job_wait(&jobs[3]), STORE_STORED);
    assert_int_equal(b.backend.batches[1], 3);
    assert_int_equal(b.backend.calls[DELETE], 1);
    bench_end(&b);
}

TEST(the_traces_of_a_deletion_are_wiped_without_waiting_for_the_minute)
{
    struct bench b;
    struct test_job job;

    start_quietly(&b);
    test_job_delete(&job, 1);
    b.backend.missing = true;
    assert_int_equal(submit_and_wait(b.store, &job), STORE_NOT_FOUND);
    b.backend.missing = false;
    assert_int_equal(submit_and_wait(b.store, &job), STORE_DELETED);
    WAIT_UNTIL(b.backend.calls[TIDY] == 2);
    bench_end(&b);
    assert_int_equal(b.backend.calls[TIDY], 2); /* none for what was not there */
}

TEST(upkeep_runs_at_the_start_and_step_by_step_until_all_is_done)
{
    enum { OLD = 3 * EXPIRE_STEP + 5 };
    struct bench b;

    bench_make(&b);
    b.options.tidy_ms = 3600 * 1000;
    b.options.retention_ns = 2 * HOUR_NS;
    b.backend.to_expire = OLD;
    assert_true(store_new(&b.options, &b.store, NULL));
    WAIT_UNTIL(b.backend.calls[TIDY] == 4);
    store_free(b.store);
    assert_int_equal(b.backend.retention_ms, 2 * 3600 * 1000);
    assert_int_equal(count_of(&b.place, METRIC_STORE_EXPIRED), OLD);
    assert_int_equal(b.backend.calls[TIDY], 4);
    place_remove(&b.place);
}

TEST(submissions_are_stored_between_the_steps_of_the_upkeep)
{
    struct bench b;
    struct test_job job;

    bench_make(&b);
    b.backend.to_expire = SIZE_MAX / 2; /* it never ends */
    assert_true(store_new(&b.options, &b.store, NULL));
    WAIT_UNTIL(b.backend.calls[TIDY] > 3);
    for (unsigned i = 0; i < 20; i++) {
        test_job_init(&job, i);
        assert_int_equal(submit_and_wait(b.store, &job), STORE_STORED);
    }
    assert_true(is_up(b.store));
    bench_end(&b);
}

TEST(a_new_retention_holds_from_the_next_upkeep)
{
    struct bench b;

    bench_make(&b);
    b.options.tidy_ms = 1;
    assert_true(store_new(&b.options, &b.store, NULL));
    WAIT_UNTIL(b.backend.calls[TIDY] >= 1);
    assert_int_equal(b.backend.retention_ms, 0);
    store_set_retention(b.store, 3 * HOUR_NS);
    WAIT_UNTIL(b.backend.retention_ms == 3 * 3600 * 1000);
    store_set_retention(b.store, 0);
    WAIT_UNTIL(b.backend.retention_ms == 0);
    bench_end(&b);
}

/*
 * What the log says of a store that was used `before_ms` ago, until its first upkeep and one
 * submission.
 */
static void start_after(struct bench *b, uint64_t before_ms, char *text, size_t size)
{
    struct test_job job;
    int ends[2];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    bench_make(b);
    assert_true(log_new(ends[1], LOG_INFO, &b->options.log, NULL));
    b->options.tidy_ms = 3600 * 1000;
    b->backend.used_ms = clock_wall_ms() - before_ms;
    assert_true(store_new(&b->options, &b->store, NULL));
    WAIT_UNTIL(b->backend.calls[TIDY] == 1);
    test_job_init(&job, 1);
    assert_int_equal(submit_and_wait(b->store, &job), STORE_STORED);
    bench_end(b);
    log_free(b->options.log, PATIENCE_SECONDS * 1000);
    (void)close(ends[1]);
    n = read(ends[0], text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    (void)close(ends[0]);
}

TEST(after_a_long_pause_ages_are_judged_as_before_it_and_that_is_said_once)
{
    enum { ROUNDING_MS = 2 }; /* two clocks, each cut to milliseconds */
    static const char said[] = "\"event\":\"clock_disbelieved\",\"ahead_seconds\":";
    static const uint64_t hours[] = {0, 1000};

    for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
        uint64_t ago = hours[i] * 3600000, now = clock_wall_ms();
        struct bench b;
        char text[4096];

        start_after(&b, ago, text, sizeof(text));
        assert_in_range(b.backend.now_ms, now - ago - ROUNDING_MS,
                        clock_wall_ms() - ago + ROUNDING_MS);
        assert_in_range(b.backend.added_at_ms, b.backend.now_ms - ROUNDING_MS,
                        clock_wall_ms() - ago + ROUNDING_MS);
        if (ago == 0)
            assert_string_equal(text, "");
        else
            assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        assert_true((strstr(text, said) != NULL) == (ago > 0));
    }
}

TEST(what_expired_is_logged_once_a_round)
{
    struct bench b;
    char text[4096] = "";
    int ends[2];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    bench_make(&b);
    assert_true(log_new(ends[1], LOG_INFO, &b.options.log, NULL));
    b.options.tidy_ms = 3600 * 1000;
    b.backend.to_expire = 2 * EXPIRE_STEP + 1;
    assert_true(store_new(&b.options, &b.store, NULL));
    WAIT_UNTIL(b.backend.calls[TIDY] == 3);
    bench_end(&b);
    log_free(b.options.log, PATIENCE_SECONDS * 1000);
    (void)close(ends[1]);
    n = read(ends[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    assert_non_null(strstr(text, "\"event\":\"submissions_expired\",\"submissions\":21"));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    (void)close(ends[0]);
}

/* ---- one job without a store ---- */

TEST(one_job_without_a_store_is_committed_and_the_backend_closed)
{
    struct bench b;
    struct test_job job;

    bench_make(&b);
    test_job_delete(&job, 1);
    assert_true(store_once(&fake_ops, &b.backend, &job.job, NULL));
    assert_int_equal(job.job.result, STORE_DELETED);
    test_job_init(&job, 1);
    assert_true(store_once(&fake_ops, &b.backend, &job.job, NULL));
    assert_int_equal(job.job.result, STORE_STORED);
    assert_int_equal(b.backend.n_batches, 2);
    assert_int_equal(b.backend.closes, 2);
    assert_int_equal(b.backend.calls[CHECKPOINT], 4);
    assert_int_equal(job.times, 0);
    place_remove(&b.place);
}

TEST(one_job_that_fails_says_why)
{
    static const struct {
        int operation, rollbacks, closes;
    } cases[] = {
        {OPEN,       0, 0},
        {CHECKPOINT, 0, 1},
        {BEGIN,      0, 1},
        {DELETE,     1, 1},
        {COMMIT,     1, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        struct test_job job;
        struct err err = ERR_INIT;

        bench_make(&b);
        test_job_delete(&job, 1);
        b.backend.fail[cases[i].operation] = true;
        assert_false(store_once(&fake_ops, &b.backend, &job.job, &err));
        assert_non_null(strstr(err.text, operation_names[cases[i].operation]));
        assert_int_equal(job.job.result, STORE_FAILED);
        assert_int_equal(b.backend.rollbacks, cases[i].rollbacks);
        assert_int_equal(b.backend.closes, cases[i].closes);
        place_remove(&b.place);
    }
}

RUN_TESTS(T(a_deletion_shares_a_batch_with_submissions_and_comes_back_with_its_own_result),
          T(the_traces_of_a_deletion_are_wiped_without_waiting_for_the_minute),
          T(upkeep_runs_at_the_start_and_step_by_step_until_all_is_done),
          T(submissions_are_stored_between_the_steps_of_the_upkeep),
          T(a_new_retention_holds_from_the_next_upkeep),
          T(after_a_long_pause_ages_are_judged_as_before_it_and_that_is_said_once),
          T(what_expired_is_logged_once_a_round),
          T(one_job_without_a_store_is_committed_and_the_backend_closed),
          T(one_job_that_fails_says_why))
