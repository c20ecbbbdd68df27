/* SPDX-License-Identifier: MIT */
/* From numbers then and now to rates, quantiles, burn rates and a verdict. */
#include "api/status_view.h"

#include <stdlib.h>

static const uint64_t span_ns[STATUS_SPANS] = {
    [STATUS_5M] = 300 * NS_PER_SEC, [STATUS_1H] = 3600 * NS_PER_SEC};

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static struct status_latency latency_of(const uint64_t counts[STATUS_BUCKETS])
{
    struct status_latency l = {.any = false};

    l.any = status_quantile(0.5, counts, &l.p50) && status_quantile(0.9, counts, &l.p90) &&
            status_quantile(0.99, counts, &l.p99);
    return l;
}

static struct status_ratio burn_between(const struct status_totals *from,
                                        const struct status_totals *to,
                                        size_t slo,
                                        double objective)
{
    struct status_ratio r = {.any = false};

    r.any = status_burn(to->good[slo] - from->good[slo], to->bad[slo] - from->bad[slo], objective,
                        &r.value);
    return r;
}

/* ---- windows ---- */

static void fill_row(const struct status_history *h,
                     const struct status_now *now,
                     size_t row,
                     const size_t bases[STATUS_SPANS],
                     struct status_view *v)
{
    const struct status_row_now *from = &now->rows[row];
    struct status_row *to = &v->rows[row];

    *to = (struct status_row){
        .method = from->method, .endpoint = from->endpoint, .server_errors = from->server_errors};
    for (size_t i = 0; i < STATUS_BUCKETS; i++)
        to->requests += from->buckets[i];
    for (size_t span = 0; span < STATUS_SPANS; span++) {
        struct history_row then = history_row(h, row, bases[span]);
        uint64_t counts[STATUS_BUCKETS];

        for (size_t i = 0; i < STATUS_BUCKETS; i++) {
            counts[i] = (uint32_t)from->buckets[i] - then.buckets[i];
            to->span[span].requests += counts[i];
        }
        to->span[span].server_errors = (uint32_t)from->server_errors - then.server_errors;
        to->span[span].latency = latency_of(counts);
    }
}

static int by_endpoint(const void *a, const void *b)
{
    const struct status_row *x = a, *y = b;
    size_t n = x->endpoint.n < y->endpoint.n ? x->endpoint.n : y->endpoint.n;
    int order = memcmp(x->endpoint.p, y->endpoint.p, n);

    if (order == 0 && x->endpoint.n != y->endpoint.n)
        return x->endpoint.n < y->endpoint.n ? -1 : 1;
    if (order != 0)
        return order;
    n = x->method.n < y->method.n ? x->method.n : y->method.n;
    return memcmp(x->method.p, y->method.p, n);
}

/* The quantiles of all rows together. */
static struct status_latency latency_since(const struct status_history *h,
                                           const struct status_now *now,
                                           size_t base)
{
    uint64_t counts[STATUS_BUCKETS] = {0};

    for (size_t row = 0; row < now->n_rows; row++) {
        struct history_row then = history_row(h, row, base);

        for (size_t i = 0; i < STATUS_BUCKETS; i++)
            counts[i] += (uint32_t)now->rows[row].buckets[i] - then.buckets[i];
    }
    return latency_of(counts);
}

static void fill_window(const struct status_history *h,
                        const struct status_now *now,
                        uint64_t now_ns,
                        size_t base,
                        struct status_view *v,
                        enum status_span span)
{
    const struct history_snapshot *then = history_snapshot(h, base);
    struct status_window *w = &v->windows[span];

    w->seconds = seconds_between(then->at_ns, now_ns);
    w->since_start = base == 0 && now_ns - then->at_ns < span_ns[span];
    w->requests = now->totals.requests - then->totals.requests;
    w->server_errors = now->totals.server_errors - then->totals.server_errors;
    w->rejected = now->totals.rejected - then->totals.rejected;
    w->log_dropped = now->totals.log_dropped - then->totals.log_dropped;
    w->latency = latency_since(h, now, base);
    for (size_t i = 0; i < SLOS; i++) {
        w->slo[i].good = now->totals.good[i] - then->totals.good[i];
        w->slo[i].bad = now->totals.bad[i] - then->totals.bad[i];
        w->slo[i].burn = burn_between(&then->totals, &now->totals, i, v->objective[i]);
    }
}

static void fill_windows(const struct status_history *h,
                         const struct status_now *now,
                         uint64_t now_ns,
                         struct status_view *v)
{
    size_t bases[STATUS_SPANS];

    for (size_t span = 0; span < STATUS_SPANS; span++) {
        bases[span] = history_base(h, now_ns, span_ns[span]);
        fill_window(h, now, now_ns, bases[span], v, (enum status_span)span);
    }
    v->n_rows = now->n_rows;
    for (size_t row = 0; row < now->n_rows; row++)
        fill_row(h, now, row, bases, v);
    qsort(v->rows, v->n_rows, sizeof(v->rows[0]), by_endpoint);
}

/* ---- curves ---- */

static struct status_ratio p99_at(const struct status_history *h, size_t i)
{
    const struct history_second *to = history_second(h, i);
    const struct history_second *from =
        history_second(h, i > STATUS_P99_SECONDS ? i - STATUS_P99_SECONDS : 0);
    uint64_t counts[STATUS_BUCKETS];
    struct status_ratio r = {.any = false};

    for (size_t k = 0; k < STATUS_BUCKETS; k++)
        counts[k] = to->buckets[k] - from->buckets[k];
    r.any = status_quantile(0.99, counts, &r.value);
    return r;
}

static void fill_points(const struct status_history *h, struct status_view *v)
{
    v->n_points = history_seconds(h) - 1;
    for (size_t i = 0; i < v->n_points; i++) {
        const struct history_second *from = history_second(h, i), *to = history_second(h, i + 1);
        double seconds = seconds_between(from->at_ns, to->at_ns);

        if (seconds <= 0)
            seconds = 1;
        v->points[i] = (struct status_point){
            .requests = (double)(to->requests - from->requests) / seconds,
            .server_errors = (double)(to->server_errors - from->server_errors) / seconds,
            .p99 = p99_at(h, i + 1)};
    }
}

/*
 * Every STATUS_BURN_STEP-th snapshot, so far back as five minutes lie before it, or the start of
 * the process.
 */
static void fill_burns(const struct status_history *h, struct status_view *v)
{
    size_t first = history_first(h), last = history_last(h);
    size_t reach = (size_t)(span_ns[STATUS_5M] / NS_PER_SEC) / HISTORY_STEP_SECONDS;
    size_t least = first > 0 ? first + reach : 1;

    v->n_burns = last >= least ? (last - least) / STATUS_BURN_STEP + 1 : 0;
    for (size_t k = 0; k < v->n_burns; k++) {
        size_t i = last - (v->n_burns - 1 - k) * STATUS_BURN_STEP;
        const struct history_snapshot *to = history_snapshot(h, i),
                                      *from = history_snapshot(h, i > reach ? i - reach : 0);

        for (size_t slo = 0; slo < SLOS; slo++)
            v->burns[k][slo] = burn_between(&from->totals, &to->totals, slo, v->objective[slo]);
    }
}

/* ---- what is now ---- */

struct reading {
    const struct registry *registry;
    struct status_view *v;
    uint64_t sum;
};

static uint64_t value_of(const struct api *api, enum metric_family family)
{
    return metric_value(api->registry, series_plain(api->registry, family));
}

static void add_up(void *ctx, UNUSED const struct slice *values, struct metric m)
{
    struct reading *r = ctx;

    r->sum += metric_value(r->registry, m);
}

static void read_busy(void *ctx, const struct slice *values, struct metric m)
{
    struct reading *r = ctx;
    struct status_busy *busy = r->v->busy;
    uint64_t n = metric_value(r->registry, m);
    size_t i = r->v->n_busy;

    r->sum += n;
    if (n == 0 || (i == STATUS_ENDPOINTS_MAX && n <= busy[i - 1].in_flight))
        return;
    if (i == STATUS_ENDPOINTS_MAX)
        i--;
    else
        r->v->n_busy++;
    for (; i > 0 && busy[i - 1].in_flight < n; i--)
        busy[i] = busy[i - 1];
    busy[i] = (struct status_busy){values[0], n};
}

/* One that is down takes the place of one that is up: the verdict must not miss it. */
static void read_dependency(void *ctx, const struct slice *values, struct metric m)
{
    struct reading *r = ctx;
    struct status_dependency d = {.name = values[0], .up = metric_value(r->registry, m) == 1};
    size_t i = r->v->n_dependencies;

    if (i < STATUS_DEPENDENCIES_MAX)
        r->v->n_dependencies++;
    else
        for (i = 0; i < STATUS_DEPENDENCIES_MAX && (d.up || !r->v->dependencies[i].up);)
            i++;
    if (i < STATUS_DEPENDENCIES_MAX)
        r->v->dependencies[i] = d;
}

static void read_objective(void *ctx, const struct slice *values, struct metric m)
{
    struct reading *r = ctx;

    for (size_t i = 0; i < SLOS; i++)
        if (slice_eq(values[0], slice_str(slo_name((enum slo)i))))
            r->v->objective[i] = (double)metric_value(r->registry, m) / 1e9;
}

static void read_build(void *ctx, const struct slice *values, UNUSED struct metric m)
{
    ((struct reading *)ctx)->v->revision = values[1];
}

static void fill_now(const struct api *api, struct status_view *v)
{
    struct reading r = {api->registry, v, 0};

    registry_each(api->registry, METRIC_HTTP_IN_FLIGHT, read_busy, &r);
    v->in_flight = r.sum;
    r.sum = 0;
    registry_each(api->registry, METRIC_WORKER_CONNECTIONS, add_up, &r);
    v->connections = r.sum;
    registry_each(api->registry, METRIC_DEPENDENCY_UP, read_dependency, &r);
    registry_each(api->registry, METRIC_SLO_OBJECTIVE, read_objective, &r);
    registry_each(api->registry, METRIC_BUILD_INFO, read_build, &r);
    for (size_t i = 0; i < v->n_dependencies; i++)
        if (slice_eq(v->dependencies[i].name, SLICE_LIT("store")))
            v->dependencies[i].latency =
                (struct status_ratio){true, (double)value_of(api, METRIC_STORE_PROBE) / 1e9};
    v->connections_limit = value_of(api, METRIC_CONNECTIONS_LIMIT);
    v->queue_length = value_of(api, METRIC_STORE_QUEUE);
    v->queue_limit = value_of(api, METRIC_STORE_QUEUE_LIMIT);
    v->resident_bytes = value_of(api, METRIC_PROCESS_RESIDENT);
    v->loaded_ns = value_of(api, METRIC_CONFIG_RELOAD_TIME);
    v->reload_failed = value_of(api, METRIC_CONFIG_RELOAD_OK) == 0;
    v->restart_required = value_of(api, METRIC_CONFIG_RESTART) != 0;
}

static void judge(struct status_view *v)
{
    struct slice down[STATUS_DEPENDENCIES_MAX];
    struct status_signs signs = {.draining = v->draining,
                                 .down = down,
                                 .queue_length = v->queue_length,
                                 .queue_limit = v->queue_limit,
                                 .connections = v->connections,
                                 .connections_limit = v->connections_limit,
                                 .log_dropped_5m = v->windows[STATUS_5M].log_dropped,
                                 .reload_failed = v->reload_failed};

    for (size_t i = 0; i < v->n_dependencies; i++)
        if (!v->dependencies[i].up)
            down[signs.n_down++] = v->dependencies[i].name;
    for (size_t i = 0; i < SLOS; i++) {
        signs.slo[i].objective = v->objective[i];
        signs.slo[i].good_5m = v->windows[STATUS_5M].slo[i].good;
        signs.slo[i].bad_5m = v->windows[STATUS_5M].slo[i].bad;
        signs.slo[i].good_1h = v->windows[STATUS_1H].slo[i].good;
        signs.slo[i].bad_1h = v->windows[STATUS_1H].slo[i].bad;
    }
    status_judge(&signs, &v->verdict);
}

void status_view_make(const struct api *api,
                      const struct status_history *h,
                      const struct status_now *now,
                      uint64_t now_ns,
                      struct status_view *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->now_ms = clock_wall_ms();
    ret->uptime_ns = now_ns - api->start_ns;
    ret->service = api->service;
    ret->version = slice_str(api->version);
    ret->draining = atomic_load_explicit(&api->draining, memory_order_relaxed);
    ret->totals = now->totals;
    fill_now(api, ret);
    fill_windows(h, now, now_ns, ret);
    fill_points(h, ret);
    fill_burns(h, ret);
    if (api->recent != NULL)
        ret->n_errors = recent_list(api->recent, ret->errors);
    judge(ret);
}
