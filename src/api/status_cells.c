/* SPDX-License-Identifier: MIT */
/*
 * Which series of the registry make up which row and total. Series are only ever added, and found
 * newest first, so a family is walked only as far as what is new.
 */
#include "api/status_cells.h"

#include <stdlib.h>

enum { ROW_NONE = STATUS_ROWS_MAX + 1 };

/* A series that counts towards a row and, by its status, towards a total. */
struct source {
    struct metric metric;
    struct slice method, endpoint;
    char status_class; /* '5' of "503"; 0: a histogram */
    size_t row;        /* ROW_NONE until it was asked for */
};

struct status_cells {
    struct registry *registry;
    const struct route *routes;
    size_t n_routes;
    struct source *sources;
    size_t n;
    uint32_t newest[METRIC_FAMILIES]; /* cell + 1 of the newest series that is a source */
    struct metric slo[3][SLOS];       /* good, bad, excluded */
    struct metric log_dropped;
};

/* A walk along a family, from the newest to those that are known. */
struct walk {
    struct status_cells *cells;
    bool histogram;
    uint32_t known; /* cell + 1 of the newest one that is known; 0: none is */
    uint32_t first; /* the same of the first one met */
    bool done;
};

/* As the router has it: GET answers HEAD, and OPTIONS is there for every path. */
static bool answers(const struct route *route, struct slice method)
{
    return slice_eq(method, slice_str(http_method_name(route->method))) ||
           slice_eq(method, SLICE_LIT("OPTIONS")) ||
           (route->method == HTTP_GET && slice_eq(method, SLICE_LIT("HEAD")));
}

/* The method that a row shows. What has no routes at all, as "unmatched", keeps each. */
static struct slice shown_method(const struct status_cells *c,
                                 struct slice method,
                                 struct slice endpoint)
{
    bool known = false;

    for (size_t i = 0; i < c->n_routes; i++) {
        const struct route *route = &c->routes[i];
        const char *label = route->endpoint != NULL ? route->endpoint : route->path;

        if (!slice_eq(endpoint, slice_str(label)))
            continue;
        if (answers(route, method))
            return method;
        known = true;
    }
    return known ? SLICE_LIT("other") : method;
}

static void add_source(void *ctx, const struct slice *values, struct metric m)
{
    struct walk *w = ctx;
    struct status_cells *c = w->cells;
    struct source s = {m, SLICE_NONE, values[1], 0, ROW_NONE};

    if (w->first == 0)
        w->first = m.cell + 1;
    w->done = w->done || m.cell + 1 == w->known;
    if (w->done)
        return;
    s.method = shown_method(c, values[0], values[1]);
    if (!w->histogram)
        s.status_class = values[2].p[0];
    c->sources = must_realloc(c->sources, (c->n + 1) * sizeof(c->sources[0]));
    c->sources[c->n++] = s;
}

static void find_sources(struct status_cells *c, enum metric_family family)
{
    struct walk w = {c, family == METRIC_HTTP_DURATION, c->newest[family], 0, false};

    registry_each(c->registry, family, add_source, &w);
    c->newest[family] = w.first;
}

struct status_cells *status_cells_new(struct registry *r, const struct route *routes, size_t n)
{
    static const char *const outcomes[3] = {"good", "bad", "excluded"};
    struct status_cells *c = must_calloc(1, sizeof(*c));

    c->registry = r;
    c->routes = routes;
    c->n_routes = n;
    for (size_t o = 0; o < ARRAY_LEN(outcomes); o++)
        for (size_t i = 0; i < SLOS; i++)
            c->slo[o][i] = series_get(
                r, METRIC_SLO_EVENTS,
                (struct slice[]){slice_str(slo_name((enum slo)i)), slice_str(outcomes[o])});
    c->log_dropped = series_plain(r, METRIC_LOG_DROPPED);
    return c;
}

void status_cells_free(struct status_cells *c)
{
    if (c == NULL)
        return;
    free(c->sources);
    free(c);
}

static size_t find_row(const struct source *s, struct status_now *now)
{
    size_t i = 0;

    while (
        i < now->n_rows && i < STATUS_ROWS_MAX &&
        !(slice_eq(now->rows[i].method, s->method) && slice_eq(now->rows[i].endpoint, s->endpoint)))
        i++;
    if (i < now->n_rows)
        return i;
    now->n_rows = i + 1;
    now->rows[i].method = i < STATUS_ROWS_MAX ? s->method : SLICE_LIT("other");
    now->rows[i].endpoint = i < STATUS_ROWS_MAX ? s->endpoint : SLICE_LIT("other");
    return i;
}

static void read_histogram(const struct status_cells *c, struct source *s, struct status_now *now)
{
    uint64_t counts[STATUS_BUCKETS], sum = 0;

    for (size_t i = 0; i < STATUS_BUCKETS; i++)
        sum += counts[i] =
            metric_value(c->registry, (struct metric){s->metric.cell + (uint32_t)i, 0});
    if (s->row == ROW_NONE && sum > 0)
        s->row = find_row(s, now);
    for (size_t i = 0; s->row != ROW_NONE && i < STATUS_BUCKETS; i++)
        now->rows[s->row].buckets[i] += counts[i];
}

static void read_requests(const struct status_cells *c, struct source *s, struct status_now *now)
{
    uint64_t n = metric_value(c->registry, s->metric);

    now->totals.requests += n;
    if (s->status_class == '4')
        now->totals.client_errors += n;
    if (s->status_class != '5' || n == 0)
        return;
    now->totals.server_errors += n;
    if (s->row == ROW_NONE)
        s->row = find_row(s, now);
    now->rows[s->row].server_errors += n;
}

struct sum {
    const struct registry *registry;
    uint64_t total;
};

static void add_up(void *ctx, UNUSED const struct slice *values, struct metric m)
{
    struct sum *s = ctx;

    s->total += metric_value(s->registry, m);
}

/*
 * A request is counted before its duration is: read the other way round, no window has more of one.
 */
void status_cells_read(struct status_cells *c, struct status_now *ret)
{
    struct sum rejected = {c->registry, 0};

    ret->totals = (struct status_totals){.requests = 0};
    for (size_t i = 0; i < ret->n_rows; i++) {
        memset(ret->rows[i].buckets, 0, sizeof(ret->rows[i].buckets));
        ret->rows[i].server_errors = 0;
    }
    find_sources(c, METRIC_HTTP_DURATION);
    find_sources(c, METRIC_HTTP_REQUESTS);
    for (size_t i = 0; i < c->n; i++)
        if (c->sources[i].status_class == 0)
            read_histogram(c, &c->sources[i], ret);
    for (size_t i = 0; i < c->n; i++)
        if (c->sources[i].status_class != 0)
            read_requests(c, &c->sources[i], ret);
    registry_each(c->registry, METRIC_HTTP_REJECTED, add_up, &rejected);
    ret->totals.rejected = rejected.total;
    ret->totals.log_dropped = metric_value(c->registry, c->log_dropped);
    for (size_t i = 0; i < SLOS; i++) {
        ret->totals.good[i] = metric_value(c->registry, c->slo[0][i]);
        ret->totals.bad[i] = metric_value(c->registry, c->slo[1][i]);
        ret->totals.excluded[i] = metric_value(c->registry, c->slo[2][i]);
    }
}
