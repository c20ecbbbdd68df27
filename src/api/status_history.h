/* SPDX-License-Identifier: MIT */
/*
 * A process's own recent past: cumulative numbers as they were, each 10 seconds of the last hour
 * and each second of the last five minutes. Differences between two of them are what happened in
 * between, whatever the process did before. Ops thread only.
 *
 * Memory: 68 KiB, and 23 KiB for each row that was ever asked for: about 0.3 MiB with ten rows,
 * 1.6 MiB with all STATUS_ROWS_MAX + 1. Counts of rows are kept modulo 2^32, so their differences
 * are right as long as no bucket gets 4 billion events in an hour.
 */
#ifndef SIDELIGHT_API_STATUS_HISTORY_H
#define SIDELIGHT_API_STATUS_HISTORY_H

#include "api/status_cells.h"
#include "base/clock.h"

enum {
    HISTORY_STEP_SECONDS = 10,
    HISTORY_SNAPSHOTS = 361, /* an hour lies between the first and the last */
    HISTORY_SECONDS = 301,   /* five minutes lie between them */
};

struct history_second {
    uint64_t at_ns; /* monotonic */
    uint64_t requests, server_errors;
    uint32_t buckets[STATUS_BUCKETS]; /* of all rows */
};

struct history_snapshot {
    uint64_t at_ns; /* monotonic */
    struct status_totals totals;
};

/* Buckets and server errors of a row. */
struct history_row {
    uint32_t buckets[STATUS_BUCKETS];
    uint32_t server_errors;
};

struct status_history;
/* Begins with zeros at `start_ns`: a process starts with nothing counted. */
struct status_history *history_new(uint64_t start_ns);
void history_free(struct status_history *h); /* NULL is fine */

/* True when the next second has passed (50 ms early will do). */
bool history_due(const struct status_history *h, uint64_t now_ns);
/* True when it would be kept as a snapshot, too. */
bool history_step_due(const struct status_history *h, uint64_t now_ns);
/* Keeps `now` as the second that has passed, and every ten seconds as a snapshot. */
void history_add(struct status_history *h, uint64_t now_ns, const struct status_now *now);

/*
 * Snapshots are numbered from 0, the start of the process; the last HISTORY_SNAPSHOTS of them are
 * kept.
 */
size_t history_first(const struct status_history *h);
size_t history_last(const struct status_history *h);
/* The newest one that is at least `span_ns` older than `now_ns`, or the first that is kept. */
size_t history_base(const struct status_history *h, uint64_t now_ns, uint64_t span_ns);
const struct history_snapshot *history_snapshot(const struct status_history *h, size_t i);
/* Row `row` at snapshot `i`; zeros before it was first asked for. */
struct history_row history_row(const struct status_history *h, size_t row, size_t i);

/* Seconds kept, and the i-th of them, the oldest first. */
size_t history_seconds(const struct status_history *h);
const struct history_second *history_second(const struct status_history *h, size_t i);

#endif
