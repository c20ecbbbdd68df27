/* SPDX-License-Identifier: MIT */
/*
 * Sidelight's own metrics: metrics.def as an enum of families and a table of rows.
 *
 * metrics.def is THE table; nothing here names a metric by hand. Families are resolved to series by
 * whoever owns them (http/, store/, api/, app/), once, at the start.
 */
#ifndef SIDELIGHT_METRICS_METRICS_H
#define SIDELIGHT_METRICS_METRICS_H

#include "metrics/registry.h"

enum metric_family {
#define COUNTER(id, ...) METRIC_##id,
#define GAUGE(id, ...) METRIC_##id,
#define HISTOGRAM(id, ...) METRIC_##id,
#include "metrics/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
    METRIC_FAMILIES
};

extern const struct metric_desc metric_table[METRIC_FAMILIES];

/* Bounds, in nanoseconds or counts. */
enum { N_BOUNDS_DURATION = 14, N_BOUNDS_SIZE = 6, N_BOUNDS_LAG = 10, N_BOUNDS_BATCH = 9 };
enum { N_BOUNDS_PAGE_LOAD = 6, N_BOUNDS_MEMORY = 10 };
enum { N_BOUNDS_LCP = 9, N_BOUNDS_INP = 8, N_BOUNDS_CLS = 8, N_BOUNDS_FCP = 8, N_BOUNDS_TTFB = 8 };
extern const uint64_t bounds_duration[N_BOUNDS_DURATION];   /* .001 ... .3 (the SLO's) ... 10 s */
extern const uint64_t bounds_size[N_BOUNDS_SIZE];           /* 256 x 4^k up to 262144 bytes */
extern const uint64_t bounds_lag[N_BOUNDS_LAG];             /* .001 ... 1 s */
extern const uint64_t bounds_batch[N_BOUNDS_BATCH];         /* 1 2 4 ... 256 */
extern const uint64_t bounds_page_load[N_BOUNDS_PAGE_LOAD]; /* .1 ... 10 s */
extern const uint64_t bounds_memory[N_BOUNDS_MEMORY];       /* 1e6 2.5e6 5e6 ... 1e9 bytes */
/*
 * Of the web vitals: among others the two at which good and poor begin (https://web.dev/vitals), so
 * that the shares of both can be told exactly. Seconds, but CLS, which has no unit.
 */
extern const uint64_t bounds_lcp[N_BOUNDS_LCP];   /* 2.5 and 4 */
extern const uint64_t bounds_inp[N_BOUNDS_INP];   /* .2 and .5 */
extern const uint64_t bounds_cls[N_BOUNDS_CLS];   /* .1 and .25 */
extern const uint64_t bounds_fcp[N_BOUNDS_FCP];   /* 1.8 and 3 */
extern const uint64_t bounds_ttfb[N_BOUNDS_TTFB]; /* .8 and 1.8 */

/* The page's limit unless the configuration says otherwise: Prometheus' usual sample_limit. */
enum { METRICS_MAX_SAMPLES = 5000 };

/*
 * process_* of metrics.def, read from /proc at each page (proc(5)); `s` is the rendering thread's
 * shard.
 */
struct process_metrics;
struct process_metrics *process_metrics_new(struct registry *r, struct shard *s);
void process_metrics_free(struct process_metrics *p);
/* When this process started, from /proc/self/stat and /proc/stat; 0: they can't be read. */
uint64_t process_start_unix_ns(void);

/*
 * metrics_series, metrics_sample_limit and metrics_label_overflow_total, kept by a collector of its
 * own.
 */
struct self_metrics;
struct self_metrics *self_metrics_new(struct registry *r, struct shard *s);
void self_metrics_free(struct self_metrics *p);

#endif
