/* SPDX-License-Identifier: MIT */
/*
 * Everything that the status page and /status.json show, reckoned once so that both say the same.
 * Plain numbers; how they are written is status_page.c's and status_json.c's. Ops thread only.
 */
#ifndef SIDELIGHT_API_STATUS_VIEW_H
#define SIDELIGHT_API_STATUS_VIEW_H

#include "api/api.h"
#include "api/status_history.h"
#include "http/recent.h"

enum status_span { STATUS_5M, STATUS_1H, STATUS_SPANS };

enum {
    STATUS_ENDPOINTS_MAX = 32, /* endpoints with requests in flight, the busiest */
    STATUS_POINTS = HISTORY_SECONDS - 1,
    STATUS_P99_SECONDS = 10, /* a point of the p99 curve looks back so far */
    STATUS_BURN_STEP = 3,    /* snapshots between two points of the burn rate curves */
    STATUS_BURN_POINTS = HISTORY_SNAPSHOTS / STATUS_BURN_STEP + 1,
};

/* Seconds; nothing when `any` is false: there were no events. */
struct status_latency {
    bool any;
    double p50, p90, p99;
};

struct status_ratio {
    bool any; /* false: no events */
    double value;
};

struct status_window {
    double seconds;   /* what it covers */
    bool since_start; /* the process is younger than the window */
    uint64_t requests, server_errors, rejected, log_dropped;
    struct status_latency latency;
    struct {
        uint64_t good, bad;
        struct status_ratio burn;
    } slo[SLOS];
};

struct status_row {
    struct slice method, endpoint;
    uint64_t requests, server_errors; /* since the start */
    struct {
        uint64_t requests, server_errors;
        struct status_latency latency;
    } span[STATUS_SPANS];
};

/* One second; rates per second. */
struct status_point {
    double requests, server_errors;
    struct status_ratio p99; /* seconds */
};

struct status_busy {
    struct slice endpoint;
    uint64_t in_flight;
};

struct status_dependency {
    struct slice name;
    bool up;
    struct status_ratio latency; /* seconds, of the last probe that succeeded */
};

struct status_view {
    uint64_t now_ms, uptime_ns;
    struct slice service, version, revision;
    struct status_verdict verdict;
    bool draining;

    struct status_totals totals; /* since the start */
    uint64_t in_flight, connections, connections_limit, queue_length, queue_limit, resident_bytes;
    size_t n_busy;
    struct status_busy busy[STATUS_ENDPOINTS_MAX]; /* busiest first */
    size_t n_dependencies;
    struct status_dependency dependencies[STATUS_DEPENDENCIES_MAX];

    double objective[SLOS];
    struct status_window windows[STATUS_SPANS];
    size_t n_rows;
    struct status_row rows[STATUS_ROWS_MAX + 1]; /* by endpoint, then method */
    size_t n_errors;
    struct recent_error errors[RECENT_KEPT]; /* newest first */

    bool reload_failed, restart_required;
    uint64_t loaded_ns; /* Unix time */

    size_t n_points;
    struct status_point points[STATUS_POINTS]; /* oldest first, the last one is the newest second */
    size_t n_burns;
    struct status_ratio burns[STATUS_BURN_POINTS][SLOS]; /* over five minutes; oldest first */
};

/* `now` was just read. */
void status_view_make(const struct api *api,
                      const struct status_history *h,
                      const struct status_now *now,
                      uint64_t now_ns,
                      struct status_view *ret);

#endif
