/* SPDX-License-Identifier: MIT */
/*
 * /status.json: the view as numbers. Keys are stable and carry their unit; docs/api.md lists them.
 * Under 64 KiB whatever happens: 65 rows, 50 errors, 300 seconds, 121 points of three SLOs.
 */
#include "api/status_page.h"

static void add_key(struct buf *b, const char *key)
{
    buf_addf(b, "\"%s\":", key);
}

static void add_u64(struct buf *b, const char *key, uint64_t v)
{
    add_key(b, key);
    buf_add_u64(b, v);
    buf_add_char(b, ',');
}

static void add_bool(struct buf *b, const char *key, bool v)
{
    add_key(b, key);
    buf_add_str(b, v ? "true," : "false,");
}

static void add_text(struct buf *b, const char *key, struct slice v)
{
    add_key(b, key);
    buf_add_char(b, '"');
    buf_add_json(b, v);
    buf_add_str(b, "\",");
}

static void add_double(struct buf *b, const char *key, double v)
{
    buf_addf(b, "\"%s\":%.9g,", key, v);
}

static void add_maybe(struct buf *b, const char *key, bool any, double v)
{
    if (any)
        add_double(b, key, v);
    else
        buf_addf(b, "\"%s\":null,", key);
}

/* Replaces the comma after the last member. */
static void end(struct buf *b, const char *brackets)
{
    if (b->len > 0 && b->data[b->len - 1] == ',')
        b->len--;
    buf_add_str(b, brackets);
}

static void add_verdict(const struct status_view *v, struct buf *b)
{
    buf_add_str(b, "\"verdict\":{");
    add_text(b, "level", slice_str(status_level_name(v->verdict.level)));
    buf_add_str(b, "\"reasons\":[");
    for (size_t i = 0; i < v->verdict.n; i++) {
        buf_add_char(b, '{');
        add_text(b, "level", slice_str(status_level_name(v->verdict.reasons[i].level)));
        add_text(b, "text", slice_str(v->verdict.reasons[i].text));
        end(b, "},");
    }
    end(b, "]},");
}

static void add_now(const struct status_view *v, struct buf *b)
{
    buf_add_str(b, "\"totals\":{");
    add_u64(b, "requests", v->totals.requests);
    add_u64(b, "client_errors", v->totals.client_errors);
    add_u64(b, "server_errors", v->totals.server_errors);
    add_u64(b, "rejected", v->totals.rejected);
    add_u64(b, "log_lines_dropped", v->totals.log_dropped);
    end(b, "},\"now\":{");
    add_u64(b, "requests_in_flight", v->in_flight);
    add_u64(b, "connections", v->connections);
    add_u64(b, "connections_limit", v->connections_limit);
    add_u64(b, "store_queue_length", v->queue_length);
    add_u64(b, "store_queue_limit", v->queue_limit);
    add_u64(b, "resident_bytes", v->resident_bytes);
    buf_add_str(b, "\"in_flight\":[");
    for (size_t i = 0; i < v->n_busy; i++) {
        buf_add_char(b, '{');
        add_text(b, "endpoint", v->busy[i].endpoint);
        add_u64(b, "requests", v->busy[i].in_flight);
        end(b, "},");
    }
    end(b, "]},\"dependencies\":[");
    for (size_t i = 0; i < v->n_dependencies; i++) {
        buf_add_char(b, '{');
        add_text(b, "name", v->dependencies[i].name);
        add_bool(b, "up", v->dependencies[i].up);
        add_maybe(b, "latency_seconds", v->dependencies[i].latency.any,
                  v->dependencies[i].latency.value);
        end(b, "},");
    }
    end(b, "],\"config\":{");
    add_u64(b, "loaded_unix_ms", v->loaded_ns / NS_PER_MS);
    add_bool(b, "last_reload_successful", !v->reload_failed);
    add_bool(b, "restart_required", v->restart_required);
    end(b, "},");
}

static void add_latency(const struct status_latency *l, struct buf *b)
{
    add_maybe(b, "p50_seconds", l->any, l->p50);
    add_maybe(b, "p90_seconds", l->any, l->p90);
    add_maybe(b, "p99_seconds", l->any, l->p99);
}

static void add_windows(const struct status_view *v, struct buf *b)
{
    static const char *const names[STATUS_SPANS] = {"5m", "1h"};

    buf_add_str(b, "\"windows\":[");
    for (size_t i = 0; i < STATUS_SPANS; i++) {
        const struct status_window *w = &v->windows[i];

        buf_add_char(b, '{');
        add_text(b, "window", slice_str(names[i]));
        add_double(b, "seconds", w->seconds);
        add_bool(b, "since_start", w->since_start);
        add_u64(b, "requests", w->requests);
        add_u64(b, "server_errors", w->server_errors);
        add_u64(b, "rejected", w->rejected);
        add_u64(b, "log_lines_dropped", w->log_dropped);
        add_latency(&w->latency, b);
        end(b, "},");
    }
    end(b, "],");
}

static void add_slos(const struct status_view *v, struct buf *b)
{
    const struct status_window *five = &v->windows[STATUS_5M], *hour = &v->windows[STATUS_1H];

    buf_add_str(b, "\"slos\":[");
    for (size_t i = 0; i < SLOS; i++) {
        buf_add_char(b, '{');
        add_text(b, "slo", slice_str(slo_name((enum slo)i)));
        buf_addf(b, "\"objective_ratio\":%.9g,", v->objective[i]);
        add_u64(b, "good", v->totals.good[i]);
        add_u64(b, "bad", v->totals.bad[i]);
        add_u64(b, "excluded", v->totals.excluded[i]);
        add_u64(b, "good_5m", five->slo[i].good);
        add_u64(b, "bad_5m", five->slo[i].bad);
        add_u64(b, "good_1h", hour->slo[i].good);
        add_u64(b, "bad_1h", hour->slo[i].bad);
        add_maybe(b, "burn_rate_5m", five->slo[i].burn.any, five->slo[i].burn.value);
        add_maybe(b, "burn_rate_1h", hour->slo[i].burn.any, hour->slo[i].burn.value);
        add_maybe(b, "budget_left_1h_ratio", hour->slo[i].burn.any, 1 - hour->slo[i].burn.value);
        end(b, "},");
    }
    end(b, "],");
}

static void add_endpoints(const struct status_view *v, struct buf *b)
{
    buf_add_str(b, "\"endpoints\":[");
    for (size_t i = 0; i < v->n_rows; i++) {
        const struct status_row *row = &v->rows[i];

        buf_add_char(b, '{');
        add_text(b, "method", row->method);
        add_text(b, "endpoint", row->endpoint);
        add_u64(b, "requests", row->requests);
        add_u64(b, "server_errors", row->server_errors);
        buf_add_str(b, "\"windows\":[");
        for (size_t span = 0; span < STATUS_SPANS; span++) {
            buf_add_char(b, '{');
            add_u64(b, "requests", row->span[span].requests);
            add_u64(b, "server_errors", row->span[span].server_errors);
            add_latency(&row->span[span].latency, b);
            end(b, "},");
        }
        end(b, "]},");
    }
    end(b, "],");
}

static void add_errors(const struct status_view *v, struct buf *b)
{
    char time[FMT_TS];

    buf_add_str(b, "\"recent_errors\":[");
    for (size_t i = 0; i < v->n_errors; i++) {
        const struct recent_error *e = &v->errors[i];

        buf_add_char(b, '{');
        (void)fmt_ts(time, e->ended_ms);
        add_text(b, "time", (struct slice){time, FMT_TS});
        add_text(b, "method", slice_str(http_method_name(e->method)));
        add_text(b, "endpoint", slice_str(e->endpoint));
        add_u64(b, "status", e->status);
        add_double(b, "duration_seconds", (double)e->duration_ns / 1e9);
        add_text(b, "correlation_id", e->id);
        end(b, "},");
    }
    end(b, "],");
}

static void add_number(struct buf *b, bool any, double v)
{
    if (any)
        buf_addf(b, "%.4g,", v);
    else
        buf_add_str(b, "null,");
}

static void add_curves(const struct status_view *v, struct buf *b)
{
    buf_add_str(b, "\"live\":{\"step_seconds\":1,\"requests_per_second\":[");
    for (size_t i = 0; i < v->n_points; i++)
        add_number(b, true, v->points[i].requests);
    end(b, "],\"server_errors_per_second\":[");
    for (size_t i = 0; i < v->n_points; i++)
        add_number(b, true, v->points[i].server_errors);
    end(b, "],\"p99_seconds\":[");
    for (size_t i = 0; i < v->n_points; i++)
        add_number(b, v->points[i].p99.any, v->points[i].p99.value);
    end(b, "]},\"burn\":{");
    add_u64(b, "step_seconds", (uint64_t)STATUS_BURN_STEP * HISTORY_STEP_SECONDS);
    for (size_t slo = 0; slo < SLOS; slo++) {
        add_key(b, slo_name((enum slo)slo));
        buf_add_char(b, '[');
        for (size_t i = 0; i < v->n_burns; i++)
            add_number(b, v->burns[i][slo].any, v->burns[i][slo].value);
        end(b, "],");
    }
    end(b, "}");
}

void status_json_write(const struct status_view *v, struct buf *b)
{
    buf_add_char(b, '{');
    add_text(b, "service", v->service);
    add_text(b, "version", v->version);
    add_text(b, "revision", v->revision);
    add_u64(b, "time_unix_ms", v->now_ms);
    add_u64(b, "uptime_seconds", v->uptime_ns / NS_PER_SEC);
    add_bool(b, "draining", v->draining);
    add_verdict(v, b);
    add_now(v, b);
    add_windows(v, b);
    add_slos(v, b);
    add_endpoints(v, b);
    add_errors(v, b);
    add_curves(v, b);
    buf_add_char(b, '}');
}
