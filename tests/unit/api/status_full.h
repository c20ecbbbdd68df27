/* SPDX-License-Identifier: MIT */
/* A view with as much in it as there can be: for the limits of the page and the JSON. */
#ifndef SIDELIGHT_TESTS_API_STATUS_FULL_H
#define SIDELIGHT_TESTS_API_STATUS_FULL_H

#include "api/status_page.h"

#include <stdlib.h>

#define FULL_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FULL_SERVICE "a-service-whose-name-has-as-many-as-64-characters-in-it-and-no-mo"

static inline struct status_latency full_latency(void)
{
    return (struct status_latency){true, 0.000123456789, 0.123456789, 7.654321};
}

static inline void full_windows(struct status_view *v)
{
    for (size_t span = 0; span < STATUS_SPANS; span++) {
        struct status_window *w = &v->windows[span];

        w->seconds = 3600.123456789;
        w->requests = w->server_errors = w->rejected = w->log_dropped = UINT64_MAX / 7;
        w->latency = full_latency();
        for (size_t i = 0; i < SLOS; i++) {
            w->slo[i].good = w->slo[i].bad = UINT64_MAX / 3;
            w->slo[i].burn = (struct status_ratio){true, 123456.789};
        }
    }
    for (size_t i = 0; i < SLOS; i++) {
        v->objective[i] = 0.999999999;
        v->totals.good[i] = v->totals.bad[i] = v->totals.excluded[i] = UINT64_MAX;
    }
}

static inline void full_rows(struct status_view *v)
{
    v->n_rows = STATUS_ROWS_MAX + 1;
    for (size_t i = 0; i < v->n_rows; i++) {
        struct status_row *row = &v->rows[i];

        row->method = SLICE_LIT("OPTIONS");
        row->endpoint = SLICE_LIT("/health/readiness");
        row->requests = row->server_errors = UINT64_C(1) << 50;
        for (size_t span = 0; span < STATUS_SPANS; span++) {
            row->span[span].requests = 4000000000 + i;
            row->span[span].server_errors = 1234567890;
            row->span[span].latency = full_latency();
        }
    }
    v->n_errors = RECENT_KEPT;
    for (size_t i = 0; i < RECENT_KEPT; i++)
        v->errors[i] = (struct recent_error){.ended_ms = UINT64_C(1795274221207) + i,
                                             .duration_ns = 9123456789,
                                             .endpoint = "/health/readiness",
                                             .status = 503,
                                             .method = HTTP_OPTIONS,
                                             .id = SLICE_LIT(FULL_ID)};
}

static inline void full_now(struct status_view *v)
{
    v->in_flight = v->connections = v->connections_limit = UINT32_MAX;
    v->queue_length = v->queue_limit = v->resident_bytes = UINT64_C(1) << 40;
    v->n_busy = STATUS_ENDPOINTS_MAX;
    for (size_t i = 0; i < v->n_busy; i++) {
        v->busy[i].endpoint = SLICE_LIT("/health/readiness");
        v->busy[i].in_flight = UINT32_MAX;
    }
    v->n_dependencies = STATUS_DEPENDENCIES_MAX;
    for (size_t i = 0; i < v->n_dependencies; i++) {
        v->dependencies[i].name = SLICE_LIT("store");
        v->dependencies[i].latency = (struct status_ratio){true, 0.123456789};
    }
    v->verdict.level = STATUS_TROUBLE;
    v->verdict.n = STATUS_REASONS_MAX;
    for (size_t i = 0; i < STATUS_REASONS_MAX; i++) {
        v->verdict.reasons[i].level = STATUS_TROUBLE;
        memset(v->verdict.reasons[i].text, 'x', STATUS_REASON_TEXT - 1);
    }
}

/* The caller frees it. */
static inline struct status_view *full_view(void)
{
    struct status_view *v = must_calloc(1, sizeof(*v));

    v->now_ms = UINT64_C(1795274221207);
    v->uptime_ns = UINT64_C(400) * 86400 * NS_PER_SEC;
    v->service = SLICE_LIT(FULL_SERVICE);
    v->version = SLICE_LIT("10.20.30");
    v->revision = SLICE_LIT("0123456789ab");
    v->totals.requests = v->totals.client_errors = v->totals.server_errors = UINT64_MAX;
    v->totals.rejected = v->totals.log_dropped = UINT64_MAX;
    v->draining = v->reload_failed = v->restart_required = true;
    v->loaded_ns = UINT64_C(1795274221) * NS_PER_SEC;
    full_windows(v);
    full_rows(v);
    full_now(v);
    v->n_points = STATUS_POINTS;
    for (size_t i = 0; i < STATUS_POINTS; i++)
        v->points[i] = (struct status_point){
            123456.7, 123456.7, {true, 0.0001234567}
        };
    v->n_burns = STATUS_BURN_POINTS;
    for (size_t i = 0; i < STATUS_BURN_POINTS; i++)
        for (size_t slo = 0; slo < SLOS; slo++)
            v->burns[i][slo] = (struct status_ratio){true, 0.0001234567};
    return v;
}

#endif
