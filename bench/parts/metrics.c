/* SPDX-License-Identifier: MIT */
/* Writing metrics: the calls that the path of a request makes, and the look-up of a series. */
#include "metrics/metrics.h"
#include "bench/parts/parts.h"

enum { CALLS = 2000, VALUES = 100, BUDGET = 200 };
enum { EVENTS, TIMES, NAMES, N_ROWS };

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [EVENTS] = {.name = "events_total", .help = "h", .type = METRIC_COUNTER},
    [TIMES] = {.name = "took_seconds", .help = "h", .bounds = bounds_duration, .n_bounds = N_BOUNDS_DURATION,
        .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS, .exemplars = true},
    [NAMES] = {.name = "names_total", .help = "h", .labels = {"method", "path"}, .budget = BUDGET,
        .type = METRIC_COUNTER, .dynamic = 2},
};
/* clang-format on */

struct written {
    struct registry *registry;
    struct shard *shard;
    struct metric event, times;
    uint64_t value;           /* observed */
    uint64_t now_ms, step_ms; /* between two observations */
    char paths[VALUES][8];
};

static void add(void *ctx, unsigned n)
{
    struct written *w = ctx;

    REPEAT(i, n)
    metric_add(w->shard, w->event, 1);
}

static void observe(void *ctx, unsigned n)
{
    struct written *w = ctx;

    REPEAT(i, n)
    USED(histogram_observe(w->shard, w->times, bounds_duration, N_BOUNDS_DURATION, w->value));
}

static void observe_with_exemplar(void *ctx, unsigned n)
{
    struct written *w = ctx;
    struct exemplar_ids ids = {SLICE_LIT("019a3f4e-7c1d-7b52-9d0e-5a8c1f2b3e4d"), SLICE_NONE};

    REPEAT(i, n)
    {
        size_t k =
            histogram_observe(w->shard, w->times, bounds_duration, N_BOUNDS_DURATION, w->value);

        w->now_ms += w->step_ms;
        exemplar_offer(w->shard, w->times, k, w->value, ids, w->now_ms);
    }
}

static void look_up(void *ctx, unsigned n)
{
    struct written *w = ctx;
    struct slice values[2] = {SLICE_LIT("GET"), SLICE_NONE};

    REPEAT(i, n)
    {
        values[1] = (struct slice){w->paths[i % VALUES], 4};
        USED(series_get(w->registry, NAMES, values).cell);
    }
}

void parts_metrics(void)
{
    struct written w = {.now_ms = UINT64_C(1760000000000), .value = 400000};

    w.registry = registry_new(rows, N_ROWS, &(struct registry_options){1, 5000});
    w.shard = registry_shard(w.registry, 0);
    w.event = series_plain(w.registry, EVENTS);
    w.times = series_plain(w.registry, TIMES);
    for (unsigned i = 0; i < VALUES; i++)
        memcpy(w.paths[i], (char[]){'/', 'p', (char)('0' + i / 10), (char)('0' + i % 10)}, 4);
    part("counter add", add, &w, CALLS, 1);
    part("histogram observe, first of 14 bounds", observe, &w, CALLS, 1);
    part("the same, a young exemplar there", observe_with_exemplar, &w, CALLS, 1);
    w.step_ms = EXEMPLAR_PERIOD_MS;
    part("the same, a new exemplar", observe_with_exemplar, &w, CALLS, 1);
    w.value = UINT64_C(20000000000);
    part("histogram observe, above 14 bounds", observe, &w, CALLS, 1);
    part("look up a series by two labels", look_up, &w, CALLS, 1);
    registry_free(w.registry);
}
