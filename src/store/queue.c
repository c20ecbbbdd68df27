/* SPDX-License-Identifier: MIT */
/* A list, a mutex and a condition. Why it is shut is the store's affair. */
#include "store/queue.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

static void lock(struct job_queue *q)
{
    MUST(pthread_mutex_lock(&q->mutex) == 0);
}

static void unlock(struct job_queue *q)
{
    MUST(pthread_mutex_unlock(&q->mutex) == 0);
}

static void init_wake(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    MUST(pthread_condattr_init(&attr) == 0);
    MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_cond_init(cond, &attr) == 0);
    MUST(pthread_condattr_destroy(&attr) == 0);
}

void job_queue_init(struct job_queue *q, size_t max)
{
    *q = (struct job_queue){.max = max};
    job_list_init(&q->jobs);
    MUST(pthread_mutex_init(&q->mutex, NULL) == 0);
    init_wake(&q->wake);
}

void job_queue_release(struct job_queue *q)
{
    MUST(pthread_cond_destroy(&q->wake) == 0);
    MUST(pthread_mutex_destroy(&q->mutex) == 0);
}

enum store_refusal job_queue_add(struct job_queue *q, struct store_job *job)
{
    enum store_refusal refusal = STORE_ACCEPTED;

    lock(q);
    if (q->closing || q->shut) {
        refusal = STORE_DOWN;
    } else if (q->jobs.n >= q->max) {
        refusal = STORE_FULL;
        q->n_full++;
    } else {
        job_list_add(&q->jobs, job);
        q->length = q->jobs.n;
    }
    unlock(q);
    if (refusal == STORE_ACCEPTED)
        MUST(pthread_cond_signal(&q->wake) == 0);
    return refusal;
}

bool job_queue_take(struct job_queue *q, uint64_t due_ns, struct job_list *ret)
{
    struct timespec due = {
        .tv_sec = (time_t)(due_ns / NS_PER_SEC),
        .tv_nsec = (long)(due_ns % NS_PER_SEC),
    };
    bool more;

    lock(q);
    while (q->jobs.n == 0 && !q->closing)
        if (pthread_cond_timedwait(&q->wake, &q->mutex, &due) == ETIMEDOUT)
            break;
    job_list_take(&q->jobs, ret, STORE_BATCH_MAX);
    q->length = q->jobs.n;
    more = !q->closing || ret->n > 0;
    unlock(q);
    return more;
}

void job_queue_shut(struct job_queue *q, struct job_list *ret)
{
    lock(q);
    q->shut = true;
    job_list_take(&q->jobs, ret, SIZE_MAX);
    q->length = 0;
    unlock(q);
}

void job_queue_open(struct job_queue *q)
{
    lock(q);
    q->shut = false;
    unlock(q);
}

void job_queue_close(struct job_queue *q)
{
    lock(q);
    MUST(!q->closing);
    q->closing = true;
    unlock(q);
    MUST(pthread_cond_signal(&q->wake) == 0);
}
