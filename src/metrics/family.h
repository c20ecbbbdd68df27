/* SPDX-License-Identifier: MIT */
/*
 * The inside of a registry, which registry.c, series.c, exemplar.c and exposition.c share. For
 * metrics/ only.
 *
 * Series are only ever added. Readers find them without a lock: through the index, or along a
 * family's list from `newest`. Whoever adds holds `lock`. Memory of an index that was outgrown
 * stays until the registry goes.
 */
#ifndef SIDELIGHT_METRICS_FAMILY_H
#define SIDELIGHT_METRICS_FAMILY_H

#include "metrics/registry.h"

#include <pthread.h>

struct series {
    struct series *older; /* the one its family got before it */
    const struct family *family;
    uint64_t hash;
    struct metric metric;
    struct slice values[METRICS_LABELS_MAX];
    /*
     * Rendered once, when it is made. `head`: what a line of its own begins with, up to the value:
     * the name, the labels, a blank. `text`: its labels alone, without the closing brace:
     * {a="b",c="d"; empty without labels. It lies within `head`.
     */
    struct slice head, text;
};

/* Open addressing, at most half full. */
struct series_index {
    struct series_index *older;
    size_t mask;
    _Atomic(struct series *) slots[];
};

/* The series in page order: the rendering thread's own. */
struct family_view {
    struct series **sorted;
    size_t n;
    struct series *seen; /* the newest that is in `sorted` */
};

struct family {
    const struct metric_desc *desc;
    size_t n_labels;
    size_t cells, samples, slots; /* what one series takes */
    char *le_text;
    /* ,le="0.3"}  and the blank behind it, for each bucket */
    struct slice le[METRICS_BOUNDS_MAX + 1];

    _Atomic(struct series *) newest;
    _Atomic size_t n_series;
    _Atomic uint64_t overflow;
    /* no place for another series from outside: new values are folded without the lock */
    _Atomic bool full;
    bool keeps_one; /* a place is kept for the series whose labels are all "other" (lock) */
    struct family_view view;
};

struct registry {
    struct family *families;
    size_t n_families;
    struct shard *shards;
    size_t n_shards, memory_bytes;
    char *memory; /* of the cells and exemplars of all shards */
    size_t max_samples;
    struct {
        collect_fn *fn;
        void *ctx;
    } collectors[16];
    size_t n_collectors;

    pthread_mutex_t lock;
    _Atomic(struct series_index *) index;
    _Atomic size_t samples;
    size_t kept_samples; /* of the families that keep one (lock) */
    size_t n_series, next_cell, next_slot;
};

/* Makes the index and the "other" series that need no other label's value. */
void series_start(struct registry *r);
void series_release(struct registry *r);

static inline uint64_t registry_cell(const struct registry *r, size_t cell)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < r->n_shards; i++)
        sum += atomic_load_explicit(&r->shards[i].cells[cell], memory_order_relaxed);
    return sum;
}

/* An exemplar as it was at one instant. */
struct exemplar_copy {
    uint64_t wall_ms, value;
    size_t id_len, trace_len;
    char id[64], trace[32];
};
/* The newest of all shards in this slot; false when there is none. */
bool exemplar_newest(const struct registry *r, size_t slot, struct exemplar_copy *ret);

#endif
