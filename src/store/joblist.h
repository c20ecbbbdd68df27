/* SPDX-License-Identifier: MIT */
/*
 * A first-in first-out list of jobs, linked through store_job.next. Private to store/; no thread of
 * its own.
 */
#ifndef SIDELIGHT_STORE_JOBLIST_H
#define SIDELIGHT_STORE_JOBLIST_H

#include "store/store.h"

struct job_list {
    struct store_job *first, **end;
    size_t n;
};

static inline void job_list_init(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
    list->n = 0;
}

static inline void job_list_add(struct job_list *list, struct store_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
    list->n++;
}

/* Moves the first `max` jobs of `from` to `to`, whatever that held before. */
static inline void job_list_take(struct job_list *from, struct job_list *to, size_t max)
{
    job_list_init(to);
    while (from->first != NULL && to->n < max) {
        struct store_job *job = from->first;

        from->first = job->next;
        from->n--;
        job_list_add(to, job);
    }
    if (from->first == NULL)
        from->end = &from->first;
}

/* Gives every job back. A job may be freed by its `done`. */
static inline void job_list_answer(struct job_list *list)
{
    struct store_job *next;

    for (struct store_job *job = list->first; job != NULL; job = next) {
        next = job->next;
        job->done(job);
    }
    job_list_init(list);
}

static inline void job_list_fail(struct job_list *list)
{
    for (struct store_job *job = list->first; job != NULL; job = job->next)
        job->result = STORE_FAILED;
    job_list_answer(list);
}

#endif
