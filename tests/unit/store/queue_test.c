/* SPDX-License-Identifier: MIT */
/* The queue by itself, without its writing thread: how many wait, and who is refused. */
#include "store/queue.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static void nothing(UNUSED struct store_job *job)
{
}

static struct store_job *make_jobs(size_t n)
{
    struct store_job *jobs = must_calloc(n, sizeof(*jobs));

    for (size_t i = 0; i < n; i++)
        jobs[i].done = nothing;
    return jobs;
}

TEST(as_many_jobs_wait_as_there_is_room_for_and_one_more_is_refused_and_counted)
{
    struct store_job *jobs = make_jobs(STORE_QUEUE_MAX + 1);
    struct job_queue q;
    struct job_list all;

    job_queue_init(&q, STORE_QUEUE_MAX);
    for (size_t i = 0; i < STORE_QUEUE_MAX; i++)
        assert_int_equal(job_queue_add(&q, &jobs[i]), STORE_ACCEPTED);
    assert_int_equal(q.length, STORE_QUEUE_MAX);
    assert_int_equal(q.n_full, 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(job_queue_add(&q, &jobs[STORE_QUEUE_MAX]), STORE_FULL);
        assert_int_equal(q.n_full, i);
        assert_int_equal(q.length, STORE_QUEUE_MAX);
    }
    job_queue_shut(&q, &all);
    assert_int_equal(all.n, STORE_QUEUE_MAX);
    assert_ptr_equal(all.first, &jobs[0]);
    assert_null(jobs[STORE_QUEUE_MAX - 1].next); /* the one that was refused is not among them */
    job_queue_release(&q);
    free(jobs);
}

TEST(a_batch_has_at_most_its_number_and_makes_room_for_as_many)
{
    enum { N = STORE_BATCH_MAX + 1 };
    struct store_job *jobs = make_jobs(N + 1);
    struct job_queue q;
    struct job_list batch;

    job_queue_init(&q, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(job_queue_add(&q, &jobs[i]), STORE_ACCEPTED);
    assert_int_equal(job_queue_add(&q, &jobs[N]), STORE_FULL);
    assert_true(job_queue_take(&q, 0, &batch));
    assert_int_equal(batch.n, STORE_BATCH_MAX);
    assert_ptr_equal(batch.first, &jobs[0]);
    assert_int_equal(q.length, 1);
    assert_int_equal(job_queue_add(&q, &jobs[N]), STORE_ACCEPTED);
    assert_true(job_queue_take(&q, 0, &batch));
    assert_int_equal(batch.n, 2);
    assert_ptr_equal(batch.first, &jobs[STORE_BATCH_MAX]);
    assert_int_equal(q.length, 0);
    job_queue_release(&q);
    free(jobs);
}

TEST(a_queue_that_is_shut_or_closed_refuses_for_another_reason_than_a_full_one)
{
    struct store_job *jobs = make_jobs(2);
    struct job_queue q;
    struct job_list rest;

    job_queue_init(&q, 1);
    assert_int_equal(job_queue_add(&q, &jobs[0]), STORE_ACCEPTED);
    job_queue_shut(&q, &rest);
    assert_int_equal(rest.n, 1);
    assert_int_equal(job_queue_add(&q, &jobs[1]), STORE_DOWN);
    job_queue_open(&q);
    assert_int_equal(job_queue_add(&q, &jobs[1]), STORE_ACCEPTED);
    job_queue_close(&q);
    assert_int_equal(job_queue_add(&q, &jobs[0]), STORE_DOWN);
    assert_int_equal(q.n_full, 0);
    assert_true(job_queue_take(&q, 0, &rest)); /* what waits can still be taken */
    assert_int_equal(rest.n, 1);
    assert_false(job_queue_take(&q, 0, &rest));
    assert_int_equal(rest.n, 0);
    job_queue_release(&q);
    free(jobs);
}

RUN_TESTS(T(as_many_jobs_wait_as_there_is_room_for_and_one_more_is_refused_and_counted),
          T(a_batch_has_at_most_its_number_and_makes_room_for_as_many),
          T(a_queue_that_is_shut_or_closed_refuses_for_another_reason_than_a_full_one))
