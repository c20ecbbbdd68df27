/* SPDX-License-Identifier: MIT */
/* Two rings of cumulative numbers, and one for each row. */
#include "api/status_history.h"

#include <stdlib.h>

#define STEP_NS (HISTORY_STEP_SECONDS * NS_PER_SEC)
#define EARLY_NS (50 * NS_PER_MS) /* timers are not exact; the numbers carry their own time */

struct status_history {
    size_t n_seconds, n_snapshots; /* taken since the start */
    uint64_t second_ns,
        snapshot_ns; /* when the next ones are due: a grid, so that nothing drifts */
    struct history_second seconds[HISTORY_SECONDS];
    struct history_snapshot snapshots[HISTORY_SNAPSHOTS];
    struct history_row *rows[STATUS_ROWS_MAX + 1]; /* HISTORY_SNAPSHOTS each, or NULL */
};

struct status_history *history_new(uint64_t start_ns)
{
    struct status_history *h = must_calloc(1, sizeof(*h));

    h->seconds[0].at_ns = start_ns;
    h->snapshots[0].at_ns = start_ns;
    h->n_seconds = h->n_snapshots = 1;
    h->second_ns = start_ns + NS_PER_SEC;
    h->snapshot_ns = start_ns + STEP_NS;
    return h;
}

void history_free(struct status_history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(h->rows); i++)
        free(h->rows[i]);
    free(h);
}

static struct history_row compact(const struct status_row_now *row)
{
    struct history_row r;

    for (size_t i = 0; i < STATUS_BUCKETS; i++)
        r.buckets[i] = (uint32_t)row->buckets[i];
    r.server_errors = (uint32_t)row->server_errors;
    return r;
}

static void add_second(struct status_history *h, uint64_t now_ns, const struct status_now *now)
{
    struct history_second *s = &h->seconds[h->n_seconds++ % HISTORY_SECONDS];

    *s = (struct history_second){.at_ns = now_ns,
                                 .requests = now->totals.requests,
                                 .server_errors = now->totals.server_errors};
    for (size_t row = 0; row < now->n_rows; row++)
        for (size_t i = 0; i < STATUS_BUCKETS; i++)
            s->buckets[i] += (uint32_t)now->rows[row].buckets[i];
}

/* The place that a row gets had been zeros all the while: it was not there before. */
static void add_snapshot(struct status_history *h, uint64_t now_ns, const struct status_now *now)
{
    size_t at = h->n_snapshots++ % HISTORY_SNAPSHOTS;

    h->snapshots[at] = (struct history_snapshot){now_ns, now->totals};
    for (size_t row = 0; row < now->n_rows; row++) {
        if (h->rows[row] == NULL)
            h->rows[row] = must_calloc(HISTORY_SNAPSHOTS, sizeof(*h->rows[row]));
        h->rows[row][at] = compact(&now->rows[row]);
    }
}

bool history_due(const struct status_history *h, uint64_t now_ns)
{
    return now_ns + EARLY_NS >= h->second_ns;
}

bool history_step_due(const struct status_history *h, uint64_t now_ns)
{
    return now_ns + EARLY_NS >= h->snapshot_ns;
}

/* After a pause the grid begins anew. */
static uint64_t next_due(uint64_t due_ns, uint64_t step_ns, uint64_t now_ns)
{
    return due_ns + step_ns > now_ns ? due_ns + step_ns : now_ns + step_ns;
}

void history_add(struct status_history *h, uint64_t now_ns, const struct status_now *now)
{
    add_second(h, now_ns, now);
    h->second_ns = next_due(h->second_ns, NS_PER_SEC, now_ns);
    if (!history_step_due(h, now_ns))
        return;
    add_snapshot(h, now_ns, now);
    h->snapshot_ns = next_due(h->snapshot_ns, STEP_NS, now_ns);
}

size_t history_first(const struct status_history *h)
{
    return h->n_snapshots > HISTORY_SNAPSHOTS ? h->n_snapshots - HISTORY_SNAPSHOTS : 0;
}

size_t history_last(const struct status_history *h)
{
    return h->n_snapshots - 1;
}

size_t history_base(const struct status_history *h, uint64_t now_ns, uint64_t span_ns)
{
    size_t i = history_last(h);

    while (i > history_first(h) && history_snapshot(h, i)->at_ns + span_ns > now_ns)
        i--;
    return i;
}

const struct history_snapshot *history_snapshot(const struct status_history *h, size_t i)
{
    MUST(i >= history_first(h) && i <= history_last(h));
    return &h->snapshots[i % HISTORY_SNAPSHOTS];
}

struct history_row history_row(const struct status_history *h, size_t row, size_t i)
{
    MUST(i >= history_first(h) && i <= history_last(h) && row < ARRAY_LEN(h->rows));
    if (h->rows[row] == NULL)
        return (struct history_row){.server_errors = 0};
    return h->rows[row][i % HISTORY_SNAPSHOTS];
}

size_t history_seconds(const struct status_history *h)
{
    return h->n_seconds < HISTORY_SECONDS ? h->n_seconds : HISTORY_SECONDS;
}

const struct history_second *history_second(const struct status_history *h, size_t i)
{
    MUST(i < history_seconds(h));
    return &h->seconds[(h->n_seconds - history_seconds(h) + i) % HISTORY_SECONDS];
}
