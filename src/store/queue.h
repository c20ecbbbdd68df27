/* SPDX-License-Identifier: MIT */
/*
 * The bounded queue between those who submit and the writing thread, and whether it is open.
 * Private to store/.
 *
 * Threads: job_queue_add and the atomics for any; the rest for the writing thread, close for
 * whoever ends it.
 */
#ifndef SIDELIGHT_STORE_QUEUE_H
#define SIDELIGHT_STORE_QUEUE_H

#include "store/joblist.h"

#include <pthread.h>

struct job_queue {
    /* guards jobs, closing and changes of shut; held for a few instructions */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job_list jobs;
    size_t max;
    bool closing;
    _Atomic bool shut;       /* out of service */
    _Atomic size_t length;   /* of jobs */
    _Atomic uint64_t n_full; /* refused with STORE_FULL */
};

void job_queue_init(struct job_queue *q, size_t max);
void job_queue_release(struct job_queue *q);

MUST_CHECK enum store_refusal job_queue_add(struct job_queue *q, struct store_job *job);
/*
 * Waits until there are jobs or `due_ns` (monotonic) has come, and takes at most STORE_BATCH_MAX.
 * False when it was closed and none are left.
 */
MUST_CHECK bool job_queue_take(struct job_queue *q, uint64_t due_ns, struct job_list *ret);
/* Refuses new jobs until it is opened again, and hands out all that wait. */
void job_queue_shut(struct job_queue *q, struct job_list *ret);
void job_queue_open(struct job_queue *q);
/* Refuses new jobs for ever; those that wait can still be taken. Once. */
void job_queue_close(struct job_queue *q);

#endif
