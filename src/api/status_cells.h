/* SPDX-License-Identifier: MIT */
/*
 * The numbers of this moment that the status page keeps a history of, read from the registry: the
 * same cells that /metrics shows, so that the two agree.
 *
 * A row is a method and an endpoint that was asked at least once. The methods that an endpoint has
 * no route for are one row, "other": a stranger who tries them all takes no place from others. Ops
 * thread only.
 */
#ifndef SIDELIGHT_API_STATUS_CELLS_H
#define SIDELIGHT_API_STATUS_CELLS_H

#include "api/status_math.h"

/*
 * Rows: room for all that the public routes can make (a unit test counts them). One more is added
 * up with others in a last one, whose labels are "other".
 */
enum { STATUS_ROWS_MAX = 64 };

struct status_totals {
    uint64_t requests, client_errors, server_errors; /* http_requests_total, by status */
    uint64_t rejected;                               /* http_rejected_total */
    uint64_t log_dropped;                            /* log_lines_dropped_total */
    uint64_t good[SLOS], bad[SLOS], excluded[SLOS];  /* slo_events_total */
};

struct status_row_now {
    struct slice method, endpoint; /* live as long as the registry */
    uint64_t buckets[STATUS_BUCKETS];
    uint64_t server_errors;
};

/* All cumulative. A row keeps its place for good. */
struct status_now {
    struct status_totals totals;
    size_t n_rows;
    struct status_row_now rows[STATUS_ROWS_MAX + 1];
};

struct status_cells;
/* `r` and `routes`, those of the service that counts into it, must outlive it. */
struct status_cells *status_cells_new(struct registry *r, const struct route *routes, size_t n);
void status_cells_free(struct status_cells *c); /* NULL is fine */
/* `ret` starts zeroed and is given again each time. */
void status_cells_read(struct status_cells *c, struct status_now *ret);

#endif
