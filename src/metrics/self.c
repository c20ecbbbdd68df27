/* SPDX-License-Identifier: MIT */
/* The page about itself: series and limits of the registry, collected at each page. */
#include "metrics/metrics.h"

#include <stdlib.h>

struct self_metrics {
    struct registry *registry;
    struct shard *shard;
    struct metric series[METRIC_FAMILIES];
    struct metric overflow[METRIC_FAMILIES]; /* of families with labels */
};

static void collect(void *ctx)
{
    const struct self_metrics *p = ctx;

    for (size_t i = 0; i < METRIC_FAMILIES; i++) {
        metric_set(p->shard, p->series[i], (int64_t)registry_series(p->registry, i));
        if (metric_table[i].labels[0] != NULL)
            metric_set(p->shard, p->overflow[i], (int64_t)registry_overflow(p->registry, i));
    }
}

struct self_metrics *self_metrics_new(struct registry *r, struct shard *s)
{
    struct self_metrics *p = must_calloc(1, sizeof(*p));

    MUST(registry_desc(r, 0) == metric_table);
    p->registry = r;
    p->shard = s;
    for (size_t i = 0; i < METRIC_FAMILIES; i++) {
        struct slice name = slice_str(metric_table[i].name);

        p->series[i] = series_get(r, METRIC_METRICS_SERIES, &name);
        if (metric_table[i].labels[0] != NULL)
            p->overflow[i] = series_get(r, METRIC_METRICS_OVERFLOW, &name);
    }
    metric_set(s, series_plain(r, METRIC_METRICS_SAMPLE_LIMIT), (int64_t)registry_max_samples(r));
    registry_on_collect(r, collect, p);
    return p;
}

void self_metrics_free(struct self_metrics *p)
{
    free(p);
}
