/* SPDX-License-Identifier: MIT */
/*
 * The most recent reports, as text, in a ring. Whoever reads them takes references and lets the
 * lock go, so that a slow answer stops no report.
 */
#include "api/rum.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct rum_recent {
    pthread_mutex_t lock;
    size_t keep, n, at; /* `at`: where the next one goes */
    struct rum_text *ring[];
};

struct rum_recent *rum_recent_new(size_t keep)
{
    struct rum_recent *x = must_calloc(1, sizeof(*x) + keep * sizeof(struct rum_text *));

    MUST(keep <= RUM_KEEP_MAX);
    MUST(pthread_mutex_init(&x->lock, NULL) == 0);
    x->keep = keep;
    return x;
}

void rum_recent_free(struct rum_recent *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->n; i++)
        rum_text_unref(x->ring[i]);
    MUST(pthread_mutex_destroy(&x->lock) == 0);
    free(x);
}

void rum_text_unref(struct rum_text *t)
{
    if (t != NULL && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        free(t);
}

void rum_recent_add(struct rum_recent *x, struct slice text)
{
    struct rum_text *t, *old;

    if (x->keep == 0)
        return;
    t = must_calloc(1, sizeof(*t) + text.n);
    atomic_store_explicit(&t->refs, 1, memory_order_relaxed);
    t->n = text.n;
    (void)fmt_slice(t->text, text);
    MUST(pthread_mutex_lock(&x->lock) == 0);
    old = x->ring[x->at];
    x->ring[x->at] = t;
    x->at = (x->at + 1) % x->keep;
    x->n += x->n < x->keep;
    MUST(pthread_mutex_unlock(&x->lock) == 0);
    rum_text_unref(old);
}

size_t rum_recent_limit(const struct rum_recent *x)
{
    return x->keep;
}

size_t rum_recent_ref(struct rum_recent *x, size_t max, struct rum_text ***ret, size_t *ret_kept)
{
    size_t room = max < x->keep ? max : x->keep, n;
    struct rum_text **held = must_calloc(room + 1, sizeof(struct rum_text *));

    MUST(pthread_mutex_lock(&x->lock) == 0);
    *ret_kept = x->n;
    n = x->n < room ? x->n : room;
    for (size_t i = 0; i < n; i++) {
        held[i] = x->ring[(x->at + x->keep - 1 - i) % x->keep];
        atomic_fetch_add_explicit(&held[i]->refs, 1, memory_order_relaxed);
    }
    MUST(pthread_mutex_unlock(&x->lock) == 0);
    *ret = held;
    return n;
}
