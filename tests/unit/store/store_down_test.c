/* SPDX-License-Identifier: MIT */
/*
 * Out of service and back, on a fake backend.
 */
#include "base/clock.h"
#include "store/store.h"

#include "tests/unit/store/fake.h"

TEST(a_failed_operation_fails_the_batch_and_all_that_wait)
{
    static const int operations[] = {BEGIN, ADD, DELETE, COMMIT};

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        int op = operations[i];
        struct bench b;
        struct test_job jobs[4];

        bench_start(&b);
        b.backend.fail[op] = true;
        b.backend.fail[OPEN] = true; /* it stays down */
        for (unsigned k = 0; k < 4; k++)
            test_job_init(&jobs[k], k);
        jobs[0].job.kind = op == DELETE ? STORE_DELETE : STORE_ADD;
        block(&b, op);
        for (int k = 0; k < 2; k++)
            assert_int_equal(store_submit(b.store, &jobs[k].job), STORE_ACCEPTED);
        wait_sem(&b.backend.entered);
        assert_int_equal(store_submit(b.store, &jobs[2].job), STORE_ACCEPTED);
        unblock(&b);
        for (int k = 0; k < 3; k++)
            assert_int_equal(test_job_wait(&jobs[k]), STORE_FAILED);
        assert_int_equal(store_submit(b.store, &jobs[3].job), STORE_DOWN);
        assert_false(is_up(b.store));
        assert_int_equal(b.backend.rollbacks, 1);
        assert_int_equal(errors_of(&b.place, operation_names[op]), 1);
        bench_end(&b);
        assert_int_equal(jobs[3].times, 0);
    }
}

TEST(the_store_is_back_after_a_reopen_and_a_checkpoint)
{
    struct bench b;
    struct test_job jobs[2];

    bench_start(&b);
    assert_int_equal(b.backend.calls[CHECKPOINT], 1);
    for (unsigned i = 0; i < 2; i++)
        test_job_init(&jobs[i], i);
    b.backend.fail[COMMIT] = true;
    assert_int_equal(submit_and_wait(b.store, &jobs[0]), STORE_FAILED);
    b.backend.fail[COMMIT] = false;
    WAIT_UNTIL(is_up(b.store));
    assert_int_equal(b.backend.closes, 1);
    assert_int_equal(b.backend.calls[OPEN], 2);
    assert_int_equal(b.backend.calls[CHECKPOINT], 2);
    assert_int_equal(submit_and_wait(b.store, &jobs[1]), STORE_STORED);
    assert_int_equal(count_of(&b.place, METRIC_STORE_REOPENS), 1);
    assert_int_equal(count_of(&b.place, METRIC_DB_CONNECTIONS), 1);
    store_free(b.store);
    assert_int_equal(count_of(&b.place, METRIC_DB_CONNECTIONS), 0);
    place_remove(&b.place);
}

TEST(a_store_that_can_not_reopen_checkpoint_or_probe_stays_down)
{
    static const int operations[] = {OPEN, CHECKPOINT, PROBE};

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        int op = operations[i], before;
        struct bench b;
        struct test_job jobs[3];

        bench_start(&b);
        for (unsigned k = 0; k < 3; k++)
            test_job_init(&jobs[k], k);
        b.backend.fail[COMMIT] = true;
        b.backend.fail[op] = true;
        /* The probe may fail first; either way it goes down. */
        if (store_submit(b.store, &jobs[0].job) == STORE_ACCEPTED)
            assert_int_equal(test_job_wait(&jobs[0]), STORE_FAILED);
        before = b.backend.calls[op];
        WAIT_UNTIL(b.backend.calls[op] >= before + 3);
        assert_false(is_up(b.store));
        assert_int_equal(store_submit(b.store, &jobs[1].job), STORE_DOWN);
        assert_true(errors_of(&b.place, operation_names[op]) >= 2);
        assert_int_equal(count_of(&b.place, METRIC_STORE_REOPENS), 0);
        b.backend.fail[COMMIT] = false;
        b.backend.fail[op] = false;
        WAIT_UNTIL(is_up(b.store));
        assert_int_equal(submit_and_wait(b.store, &jobs[2]), STORE_STORED);
        store_free(b.store);
        assert_int_equal(b.backend.closes,
                         b.backend.calls[OPEN] - (int)errors_of(&b.place, "open"));
        place_remove(&b.place);
    }
}

TEST(a_failed_probe_or_tidy_takes_the_store_out_of_service)
{
    static const int operations[] = {PROBE, TIDY};

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        struct bench b;
        struct test_job job;

        bench_make(&b);
        b.options.tidy_ms = 1;
        assert_true(store_new(&b.options, &b.store, NULL));
        test_job_init(&job, 0);
        b.backend.fail[OPEN] = true;
        b.backend.fail[operations[i]] = true;
        WAIT_UNTIL(!is_up(b.store));
        assert_int_equal(store_submit(b.store, &job.job), STORE_DOWN);
        assert_int_equal(errors_of(&b.place, operation_names[operations[i]]), 1);
        bench_end(&b);
    }
}

TEST(a_writer_that_hangs_makes_the_store_unhealthy_and_it_refuses)
{
    static const int operations[] = {PROBE, COMMIT};

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        struct bench b;
        struct test_job jobs[4];

        bench_make(&b);
        b.options.stale_ms = 500;
        assert_true(store_new(&b.options, &b.store, NULL));
        for (unsigned k = 0; k < 4; k++)
            test_job_init(&jobs[k], k);
        block(&b, operations[i]);
        assert_int_equal(store_submit(b.store, &jobs[0].job), STORE_ACCEPTED);
        wait_sem(&b.backend.entered);
        WAIT_UNTIL(!is_up(b.store));
        /* Not even queued: nobody knows for how long. */
        assert_int_equal(store_submit(b.store, &jobs[1].job), STORE_DOWN);
        unblock(&b);
        assert_int_equal(test_job_wait(&jobs[0]), STORE_STORED);
        WAIT_UNTIL(is_up(b.store));
        assert_int_equal(submit_and_wait(b.store, &jobs[2]), STORE_STORED);
        assert_int_equal(jobs[1].times, 0);
        assert_int_equal(count_of(&b.place, METRIC_STORE_REOPENS), 0);
        bench_end(&b);
    }
}

TEST(a_store_that_was_stopped_with_everybody_else_does_not_hang)
{
    struct bench b;

    bench_make(&b);
    b.options.stale_ms = 500;
    assert_true(store_new(&b.options, &b.store, NULL));
    block(&b, PROBE);
    wait_sem(&b.backend.entered);
    WAIT_UNTIL(!is_up(b.store));
    store_tick(b.store, clock_mono_ns() - 2 * STORE_TICK_LATE_MS * NS_PER_MS);
    assert_true(is_up(b.store)); /* nobody ran since, the writer neither */
    store_tick(b.store, clock_mono_ns());
    assert_true(is_up(b.store)); /* it has its time again */
    WAIT_UNTIL((store_tick(b.store, clock_mono_ns()), !is_up(b.store)));
    unblock(&b);
    WAIT_UNTIL(is_up(b.store));
    bench_end(&b);
}

TEST(closing_a_store_that_is_down_tries_nothing)
{
    struct bench b;
    struct test_job job;

    bench_make(&b);
    b.options.retry_ms = 3600 * 1000;
    assert_true(store_new(&b.options, &b.store, NULL));
    test_job_init(&job, 0);
    b.backend.fail[COMMIT] = true;
    assert_int_equal(submit_and_wait(b.store, &job), STORE_FAILED);
    bench_end(&b);
    assert_int_equal(b.backend.calls[CHECKPOINT], 1);
    assert_int_equal(b.backend.calls[OPEN], 1);
    assert_int_equal(b.backend.closes, 1);
}

TEST(the_log_names_the_operation_but_nothing_a_person_wrote)
{
    struct bench b;
    struct test_job job;
    char text[4096] = "";
    int ends[2];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    bench_make(&b);
    assert_true(log_new(ends[1], LOG_INFO, &b.options.log, NULL));
    assert_true(store_new(&b.options, &b.store, NULL));
    test_job_init(&job, 0);
    b.backend.fail[COMMIT] = true;
    assert_int_equal(submit_and_wait(b.store, &job), STORE_FAILED);
    b.backend.fail[COMMIT] = false;
    WAIT_UNTIL(is_up(b.store));
    bench_end(&b);
    log_free(b.options.log, PATIENCE_SECONDS * 1000);
    (void)close(ends[1]);
    n = read(ends[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    assert_non_null(strstr(text, "\"event\":\"store_failed\""));
    assert_non_null(strstr(text, "\"operation\":\"commit\""));
    assert_non_null(strstr(text, "no commit today"));
    assert_non_null(strstr(text, "\"submissions_failed\":1"));
    assert_non_null(strstr(text, "\"event\":\"store_reopened\""));
    assert_null(strstr(text, "Hello"));
    assert_null(strstr(text, "ada@example.com"));
    (void)close(ends[0]);
}

RUN_TESTS(T(a_failed_operation_fails_the_batch_and_all_that_wait),
          T(the_store_is_back_after_a_reopen_and_a_checkpoint),
          T(a_store_that_can_not_reopen_checkpoint_or_probe_stays_down),
          T(a_failed_probe_or_tidy_takes_the_store_out_of_service),
          T(a_writer_that_hangs_makes_the_store_unhealthy_and_it_refuses),
          T(a_store_that_was_stopped_with_everybody_else_does_not_hang),
          T(closing_a_store_that_is_down_tries_nothing),
          T(the_log_names_the_operation_but_nothing_a_person_wrote))
