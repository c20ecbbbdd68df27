/* SPDX-License-Identifier: MIT */
/*
 * A registry of metrics: a table of families, series resolved to handles, and one shard of cells
 * per writing thread. It knows nothing of HTTP and nothing of Sidelight's own table (metrics.h has
 * that), so a test can use it alone.
 *
 * Cells are integers. A family's unit says what an integer counts (1, or 1e-9), so that sums lose
 * nothing to rounding.
 *
 * Threads: a shard belongs to one thread, which adds with plain relaxed loads and stores: no lock
 * prefix, no shared cache line. Any thread may read all shards. series_get may be called from any
 * thread at any time; it takes a lock only when it has to make a series. What a page promises is in
 * exposition.h.
 *
 * Cardinality: a family with dynamic labels has a budget of series, the registry a budget of
 * samples (lines of a page that are not comments). A label value that is too long
 * (METRICS_LABEL_MAX bytes) or not UTF-8, and any new series of a family whose budget, or the
 * registry's, is used up, has its dynamic labels replaced by "other"; that series exists from the
 * start, so this cannot fail. Each event that was folded, that is each such call of series_get, is
 * counted (registry_overflow).
 *
 * In a family that has static labels too, the "other" series comes
 * with the first series of each combination of their values. When there is no room for that, or for
 * another series of a family whose labels are all static, every label is replaced: each family
 * keeps the place of one series, from the start, for the one whose labels are all "other" (or, in a
 * family without labels, for its only one). A value of our own that breaks the rule is replaced
 * alone.
 */
#ifndef SIDELIGHT_METRICS_REGISTRY_H
#define SIDELIGHT_METRICS_REGISTRY_H

#include "base/buf.h"

#include <stdatomic.h>

enum {
    METRICS_LABELS_MAX = 4,    /* labels of a family */
    METRICS_BOUNDS_MAX = 24,   /* finite bounds of a histogram */
    METRICS_LABEL_MAX = 128,   /* bytes of a label value; a longer one is folded */
    EXEMPLAR_PERIOD_MS = 1000, /* a bucket's exemplar is replaced at most this often */
    EXEMPLAR_BACK_MS = 60000,  /* an older one replaces it only after a step back this large */
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What one count of a cell means, and the OpenMetrics unit. */
enum metric_unit {
    METRIC_ONE,     /* 1, no unit */
    METRIC_BYTES,   /* 1 byte */
    METRIC_SECONDS, /* 1 nanosecond, printed as seconds */
    METRIC_RATIO,   /* 1 billionth, printed as a ratio */
    METRIC_DECIMAL, /* 1 billionth, no unit */
};

/* A row of a metrics table. Static data; strings and bounds live as long as the registry. */
struct metric_desc {
    const char *name; /* as exposed, "_total" included for counters */
    const char *help;
    const char *labels[METRICS_LABELS_MAX]; /* NULL after the last */
    /* Histograms: ascending, in cells' units; of at most 15 significant digits. */
    const uint64_t *bounds;
    size_t n_bounds;
    size_t budget; /* series the family may have when `dynamic` is not 0, "other" included */
    enum metric_type type;
    enum metric_unit unit;
    unsigned dynamic; /* bit i: the values of label i come from outside */
    bool exemplars;   /* keep exemplars for its buckets */
};

/* A resolved series. Valid as long as the registry; copy it freely. */
struct metric {
    /* Counters, gauges: the cell. Histograms: first of n_bounds + 1 buckets, then the sum. */
    uint32_t cell;
    uint32_t exemplar; /* histograms with exemplars: first of n_bounds + 1 slots; else UINT32_MAX */
};

struct exemplar {
    _Atomic uint32_t seq; /* odd while it is written */
    _Atomic uint8_t id_len, trace_len;
    _Atomic uint64_t wall_ms; /* 0: none yet */
    _Atomic uint64_t value;
    _Atomic uint64_t id[8];    /* correlation_id, up to 64 bytes */
    _Atomic uint64_t trace[4]; /* trace_id, 32 hex digits */
};

struct shard {
    _Atomic uint64_t *cells;
    struct exemplar *exemplars;
};

struct registry;

struct registry_options {
    size_t shards;      /* writing threads */
    size_t max_samples; /* lines of a page */
};

/* `descs` must outlive the registry. Ends the process on a malformed row (bad name, duplicate,
 * unordered bounds), or when max_samples has no room for one series of each family. */
struct registry *registry_new(const struct metric_desc *descs,
                              size_t n,
                              const struct registry_options *opt);
void registry_free(struct registry *r); /* NULL is fine; no thread may use a shard any more */

struct shard *registry_shard(struct registry *r, size_t i);

/*
 * The series of family `family` (index of its row) with these label values, one per label, made at
 * 0 if need be. Never fails: see the folding rule above. Safe from any thread.
 */
struct metric series_get(struct registry *r, size_t family, const struct slice *values);
/* The series of a family without labels. */
struct metric series_plain(struct registry *r, size_t family);

uint64_t registry_overflow(const struct registry *r, size_t family); /* events folded so far */
size_t registry_series(const struct registry *r, size_t family);     /* series it has */
size_t registry_samples(const struct registry *r);                   /* samples the page has */
size_t registry_max_samples(const struct registry *r);
const struct metric_desc *registry_desc(const struct registry *r, size_t family);

/* Sum of a cell over all shards; for tests and for code that reports its own numbers. */
uint64_t metric_value(const struct registry *r, struct metric m);

/*
 * Visits the series that family `family` has now, the newest first; `values` has one per label and
 * lives as long as the registry. Series made meanwhile may be missed. Safe from any thread.
 */
typedef void series_fn(void *ctx, const struct slice *values, struct metric m);
void registry_each(const struct registry *r, size_t family, series_fn *fn, void *ctx);

/*
 * Runs before each page is rendered, on the rendering thread, to set what is only known on request.
 * At most 16. Register before the first render.
 */
typedef void collect_fn(void *ctx);
void registry_on_collect(struct registry *r, collect_fn *fn, void *ctx);
/* Runs them, for whoever shows numbers without a page; on the rendering thread only. */
void registry_collect(const struct registry *r);

/*
 * False in a build that counts nothing, which only exists to be measured against (`make
 * bench-metrics-share`): then nothing is written below, nor is worked out what only that needs.
 */
#ifdef SIDELIGHT_NO_METRICS
enum { METRICS_WRITTEN = false };
#else
enum { METRICS_WRITTEN = true };
#endif

/* The hot path: no lock, no branch on failure. `s` must be the calling thread's own shard. */
static inline void metric_add(struct shard *s, struct metric m, uint64_t n)
{
    _Atomic uint64_t *c = &s->cells[m.cell];

    if (!METRICS_WRITTEN)
        return;
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void metric_sub(struct shard *s, struct metric m, uint64_t n)
{
    metric_add(s, m, -n);
}

/* For gauges and collected counters that only one shard ever writes. */
static inline void metric_set(struct shard *s, struct metric m, int64_t value)
{
    if (!METRICS_WRITTEN)
        return;
    atomic_store_explicit(&s->cells[m.cell], (uint64_t)value, memory_order_relaxed);
}

/* One observation. `bounds` are the family's own, which the caller holds as a constant. */
static inline size_t histogram_bucket(const uint64_t *bounds, size_t n_bounds, uint64_t v)
{
    size_t i = 0;

    while (i < n_bounds && v > bounds[i])
        i++;
    return i;
}

static inline size_t histogram_observe(
    struct shard *s, struct metric m, const uint64_t *bounds, size_t n_bounds, uint64_t v)
{
    size_t i = METRICS_WRITTEN ? histogram_bucket(bounds, n_bounds, v) : 0;

    metric_add(s, (struct metric){m.cell + (uint32_t)i, 0}, 1);
    metric_add(s, (struct metric){m.cell + (uint32_t)n_bounds + 1, 0}, v);
    return i;
}

/* What an exemplar refers to: correlation_id, at most 64 bytes; trace_id, at most 32, or none. */
struct exemplar_ids {
    struct slice id, trace;
};

/* Makes it the bucket's exemplar, whatever stands there; exemplar_offer decides when. */
void exemplar_put(struct exemplar *e, uint64_t v, struct exemplar_ids ids, uint64_t wall_ms);

/*
 * Remembers `ids` as the exemplar of bucket `i` that histogram_observe returned, unless the one
 * there is younger than EXEMPLAR_PERIOD_MS, or newer. Own shard only. Nothing happens when the ID
 * is empty or too long or the family keeps no exemplars; a trace that is too long is left out.
 */
static inline void exemplar_offer(struct shard *s,
                                  struct metric m,
                                  size_t i,
                                  uint64_t v,
                                  struct exemplar_ids ids,
                                  uint64_t wall_ms)
{
    if (!METRICS_WRITTEN || m.exemplar == UINT32_MAX)
        return;
    struct exemplar *e = &s->exemplars[m.exemplar + i];
    uint64_t last = atomic_load_explicit(&e->wall_ms, memory_order_relaxed);

    /*
     * Unsigned: one comparison for both ends. A request that began earlier may end later, so some
     * go back.
     */
    if (last == 0 || wall_ms - last + EXEMPLAR_BACK_MS >= EXEMPLAR_BACK_MS + EXEMPLAR_PERIOD_MS)
        exemplar_put(e, v, ids, wall_ms);
}

#endif
