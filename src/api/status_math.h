/* SPDX-License-Identifier: MIT */
/*
 * What the status page reckons, as pure functions: quantiles, burn rates, the verdict.
 */
#ifndef SIDELIGHT_API_STATUS_MATH_H
#define SIDELIGHT_API_STATUS_MATH_H

#include "http/router.h"
#include "metrics/metrics.h"

enum { STATUS_BUCKETS = N_BOUNDS_DURATION + 1 };

/*
 * The q-quantile (0 <= q <= 1) in seconds of durations counted into the buckets of bounds_duration,
 * the last one without a bound: linear within the bucket, from 0 in the first, and the largest
 * bound for the last bucket, as histogram_quantile() of Prometheus reckons for classic histograms
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile). False
 * without events.
 */
bool status_quantile(double q, const uint64_t counts[STATUS_BUCKETS], double *ret_seconds);

/*
 * How many times faster than allowed the error budget was spent: the share of bad events over 1 -
 * objective (slo:burn_rate:ratio of slo-rules.yml). An objective of 1 counts as one billionth of
 * budget, as there. False without events.
 */
bool status_burn(uint64_t good, uint64_t bad, double objective, double *ret);

enum status_level {
    STATUS_WELL,
    STATUS_ATTENTION, /* somebody should look today */
    STATUS_TROUBLE,   /* users suffer, now */
};
const char *status_level_name(enum status_level level); /* "well", "attention", "trouble" */

enum {
    STATUS_DEPENDENCIES_MAX = 4,                      /* shown, those that are down before others */
    STATUS_REASONS_MAX = 8 + STATUS_DEPENDENCIES_MAX, /* a drain, three budgets, four others */
    STATUS_REASON_TEXT = 64,                          /* bytes of a reason, its NUL included */
    STATUS_QUEUE_FULL_PERCENT = 50,
    STATUS_CONNECTIONS_FULL_PERCENT = 90,
};

/* What the verdict is made from. */
struct status_signs {
    bool draining;
    const struct slice *down; /* names of dependencies that are out of service */
    size_t n_down;
    struct {
        double objective;
        uint64_t good_5m, bad_5m, good_1h, bad_1h; /* of the last five minutes, hour */
    } slo[SLOS];
    uint64_t queue_length, queue_limit;
    uint64_t connections, connections_limit;
    uint64_t log_dropped_5m;
    bool reload_failed;
};

struct status_reason {
    enum status_level level;
    char text[STATUS_REASON_TEXT];
};

/*
 * The worst level of all reasons, which stand in order of importance; none: all is well. One for
 * which there is no room counts, too.
 */
struct status_verdict {
    enum status_level level;
    size_t n;
    struct status_reason reasons[STATUS_REASONS_MAX];
};

/*
 * The rules are in docs/server.md ("The status page"). Those of budgets are the ones that
 * slo-rules.yml alerts by, on windows that one process can remember: a burn rate over 14.4 in the
 * last hour and in the last five minutes is trouble, one over 1 wants attention; a window counts as
 * at least 100 events, and fewer than three bad ones are no trouble.
 */
void status_judge(const struct status_signs *signs, struct status_verdict *ret);

#endif
