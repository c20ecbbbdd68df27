/* SPDX-License-Identifier: MIT */
/*
 * What the main thread puts on the page: facts of the process and numbers that other modules keep
 * themselves.
 */
#include "api/visits.h"
#include "app/app.h"
#include "app/version.h"
#include "base/clock.h"

#include <stdlib.h>

struct gauges {
    struct app *app;
    struct metric objective[SLOS];
    struct metric draining, sandboxed, reload_ok, reload_time, restart;
    struct metric connections_limit, log_lines, log_dropped, evictions;
    struct metric up, queue, queue_limit, queue_full, visitors;
    struct metric conns[SERVER_WORKERS_MAX];
};

static void collect_store(struct gauges *g)
{
    struct store_health health;
    struct store_stats st;

    metric_set(g->app->shard, g->evictions,
               (int64_t)(rate_table_evictions(g->app->api.clients) +
                         rate_table_evictions(g->app->api.senders)));
    /* Not the writing thread's to say: it may hang in a sync. */
    store_health(g->app->store, &health);
    metric_set(g->app->shard, g->up, health.up);
    store_stats(g->app->store, &st);
    metric_set(g->app->shard, g->queue, (int64_t)st.queue_length);
    metric_set(g->app->shard, g->queue_limit, (int64_t)st.queue_limit);
    metric_set(g->app->shard, g->queue_full, (int64_t)st.queue_full);
}

static void collect(void *ctx)
{
    struct gauges *g = ctx;
    struct app *app = g->app;
    struct log_stats ls;

    log_stats(app->log, &ls);
    metric_set(app->shard, g->log_lines, (int64_t)ls.lines);
    metric_set(app->shard, g->log_dropped, (int64_t)ls.dropped);
    if (app->store != NULL)
        collect_store(g);
    if (app->api.visits != NULL)
        metric_set(app->shard, g->visitors,
                   (int64_t)visits_recent(app->api.visits, clock_mono_ns()));
    for (unsigned i = 0; app->server != NULL && i < app->workers; i++)
        metric_set(app->shard, g->conns[i], (int64_t)server_connections(app->server, i));
}

static void name_workers(struct gauges *g)
{
    char text[FMT_U64];

    for (unsigned i = 0; i < g->app->workers; i++) {
        struct slice worker = {text, (size_t)(fmt_u64(text, i) - text)};

        g->conns[i] = series_get(g->app->registry, METRIC_WORKER_CONNECTIONS, &worker);
    }
}

struct gauges *gauges_new(struct app *app)
{
    struct gauges *g = must_calloc(1, sizeof(*g));
    struct registry *r = app->registry;
    struct slice build[] = {slice_str(sidelight_version), slice_str(sidelight_revision)};

    g->app = app;
    for (unsigned i = 0; i < SLOS; i++) {
        struct slice name = slice_str(slo_name((enum slo)i));

        g->objective[i] = series_get(r, METRIC_SLO_OBJECTIVE, &name);
    }
    g->draining = series_plain(r, METRIC_DRAINING);
    g->sandboxed = series_plain(r, METRIC_SANDBOXED);
    g->reload_ok = series_plain(r, METRIC_CONFIG_RELOAD_OK);
    g->reload_time = series_plain(r, METRIC_CONFIG_RELOAD_TIME);
    g->restart = series_plain(r, METRIC_CONFIG_RESTART);
    g->connections_limit = series_plain(r, METRIC_CONNECTIONS_LIMIT);
    g->log_lines = series_plain(r, METRIC_LOG_LINES);
    g->log_dropped = series_plain(r, METRIC_LOG_DROPPED);
    g->evictions = series_plain(r, METRIC_RATE_LIMIT_EVICTIONS);
    g->up = series_get(r, METRIC_DEPENDENCY_UP, &SLICE_LIT("store"));
    g->queue = series_plain(r, METRIC_STORE_QUEUE);
    g->queue_limit = series_plain(r, METRIC_STORE_QUEUE_LIMIT);
    g->queue_full = series_plain(r, METRIC_STORE_QUEUE_FULL);
    g->visitors = series_plain(r, METRIC_VISITORS);
    name_workers(g);
    metric_set(app->shard, series_get(r, METRIC_BUILD_INFO, build), 1);
    registry_on_collect(r, collect, g);
    return g;
}

void gauges_free(struct gauges *g)
{
    free(g);
}

void gauges_loaded(struct gauges *g, const struct config *c)
{
    const uint64_t objectives[SLOS] = {[SLO_AVAILABILITY] = c->slo_availability,
                                       [SLO_LATENCY] = c->slo_latency,
                                       [SLO_CONTACT] = c->slo_contact};

    for (unsigned i = 0; i < SLOS; i++)
        metric_set(g->app->shard, g->objective[i], (int64_t)objectives[i]);
    metric_set(g->app->shard, g->reload_ok, 1);
    metric_set(g->app->shard, g->reload_time, (int64_t)clock_wall_ns());
}

void gauges_reload_failed(struct gauges *g)
{
    metric_set(g->app->shard, g->reload_ok, 0);
}

void gauges_restart_required(struct gauges *g, bool required)
{
    metric_set(g->app->shard, g->restart, required);
}

void gauges_draining(struct gauges *g)
{
    metric_set(g->app->shard, g->draining, 1);
}

void gauges_sandboxed(struct gauges *g, bool on)
{
    metric_set(g->app->shard, g->sandboxed, on);
}

void gauges_connection_limit(struct gauges *g, size_t limit)
{
    metric_set(g->app->shard, g->connections_limit, (int64_t)limit);
}
