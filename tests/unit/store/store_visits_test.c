/* SPDX-License-Identifier: MIT */
/*
 * The visitor counter as the store handles it, on a fake backend: in a batch with submissions, in nobody's way, and what a
 * start finds.
 */
#include "tests/unit/store/fake.h"

/* A write of the counter, as a job. */
struct write {
    struct test_job t;
    struct store_visits visits;
};

static void write_init(struct write *w)
{
    test_job_init(&w->t, 0);
    w->visits = (struct store_visits){.views = 1, .day = 20500};
    w->t.job.kind = STORE_VISITS;
    w->t.job.visits = &w->visits;
}

/* A store that tidies at the start and then, on its own, not during the test. */
static void start_quietly(struct bench *b)
{
    bench_make(b);
    b->options.tidy_ms = 3600 * 1000;
    assert_true(store_new(&b->options, &b->store, NULL));
    WAIT_UNTIL(b->backend.calls[TIDY] == 1);
}

TEST(what_was_stored_is_handed_out_once)
{
    struct bench b;
    struct store_visits v = {.views = 99};

    bench_make(&b);
    b.backend.views = 12;
    assert_true(store_new(&b.options, &b.store, NULL));
    store_take_visits(b.store, &v);
    assert_int_equal(v.views, 12);
    store_take_visits(b.store, &v);
    assert_int_equal(v.views, 0);
    store_visits_release(&v);
    bench_end(&b);
}

TEST(a_counter_that_cannot_be_read_stops_the_start)
{
    struct bench b;
    struct err err = ERR_INIT;

    bench_make(&b);
    b.backend.unreadable = true;
    assert_false(store_new(&b.options, &b.store, &err));
    assert_null(b.store);
    assert_non_null(strstr(err.text, "no visits"));
    assert_int_equal(b.backend.closes, 1);
    bench_end(&b);
}

TEST(a_write_shares_the_batch_and_is_no_submission)
{
    struct bench b;
    struct test_job jobs[2];
    struct write w;

    start_quietly(&b);
    write_init(&w);
    assert_int_equal(submit_and_wait(b.store, &w.t), STORE_STORED);
    assert_int_equal(count_of(&b.place, METRIC_STORE_BATCH), 0);
    start_commit(&b, jobs, 2);
    write_init(&w);
    assert_int_equal(store_submit(b.store, &w.t.job), STORE_ACCEPTED);
    assert_int_equal(store_submit(b.store, &jobs[1].job), STORE_ACCEPTED);
    unblock(&b);
    assert_int_equal(test_job_wait(&w.t), STORE_STORED);
    assert_int_equal(test_job_wait(&jobs[1]), STORE_STORED);
    bench_end(&b);
    assert_int_equal(b.backend.n_batches, 3);
    assert_int_equal(b.backend.batches[2], 1); /* submissions */
    assert_int_equal(b.backend.calls[TIDY], 1);
    assert_int_equal(b.backend.calls[VISITS], 2);
}

TEST(the_traces_of_a_day_that_ended_are_wiped_next)
{
    struct bench b;
    struct write w;

    start_quietly(&b);
    b.backend.wiped = true;
    write_init(&w);
    assert_int_equal(submit_and_wait(b.store, &w.t), STORE_STORED);
    WAIT_UNTIL(b.backend.calls[TIDY] == 2);
    bench_end(&b);
}

TEST(a_write_that_fails_is_counted_and_logged_as_no_lost_submission)
{
    struct bench b;
    char text[4096] = "";
    struct write w;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    bench_make(&b);
    assert_true(log_new(ends[1], LOG_INFO, &b.options.log, NULL));
    assert_true(store_new(&b.options, &b.store, NULL));
    b.backend.fail[VISITS] = true;
    write_init(&w);
    assert_int_equal(submit_and_wait(b.store, &w.t), STORE_FAILED);
    WAIT_UNTIL(is_up(b.store));
    assert_int_equal(errors_of(&b.place, "visits"), 1);
    assert_int_equal(b.backend.rollbacks, 1);
    b.backend.fail[VISITS] = false;
    write_init(&w);
    assert_int_equal(submit_and_wait(b.store, &w.t), STORE_STORED);
    bench_end(&b);
    log_free(b.options.log, PATIENCE_SECONDS * 1000);
    (void)close(ends[1]);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    (void)close(ends[0]);
    assert_non_null(strstr(text, "\"operation\":\"visits\""));
    assert_non_null(strstr(text, "\"submissions_failed\":0"));
}

TEST(releasing_overwrites_and_may_be_done_twice)
{
    struct store_visits v = {.views = 3, .day = 4, .salt = {5}, .visitors = 2};

    v.hashes = must_calloc(2, sizeof(v.hashes[0]));
    store_visits_release(&v);
    assert_int_equal(v.views, 0);
    assert_int_equal(v.salt[0], 0);
    assert_null(v.hashes);
    store_visits_release(&v);
}

RUN_TESTS(T(what_was_stored_is_handed_out_once),
          T(a_counter_that_cannot_be_read_stops_the_start),
          T(a_write_shares_the_batch_and_is_no_submission),
          T(the_traces_of_a_day_that_ended_are_wiped_next),
          T(a_write_that_fails_is_counted_and_logged_as_no_lost_submission),
          T(releasing_overwrites_and_may_be_done_twice))
