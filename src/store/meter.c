/* SPDX-License-Identifier: MIT */
/*
 * The writing thread's metrics. The queue's own numbers are not here: they have many writers
 * (store_stats).
 */
#include "store/meter.h"

#include "metrics/metrics.h"

const char *operation_name(enum store_operation op)
{
    static const char *const names[OP_COUNT] = {
        [OP_OPEN] = "open",
        [OP_BEGIN] = "begin",
        [OP_ADD] = "add",
        [OP_DELETE] = "delete",
        [OP_VISITS] = "visits",
        [OP_COMMIT] = "commit",
        [OP_CHECKPOINT] = "checkpoint",
        [OP_PROBE] = "probe",
        [OP_TIDY] = "tidy",
    };

    MUST(op < OP_COUNT);
    return names[op];
}

void meter_init(struct meter *m, struct registry *r, struct shard *s)
{
    *m = (struct meter){
        .shard = s,
        .batch = series_plain(r, METRIC_STORE_BATCH),
        .commit = series_plain(r, METRIC_STORE_COMMIT),
        .reopens = series_plain(r, METRIC_STORE_REOPENS),
        .expired = series_plain(r, METRIC_STORE_EXPIRED),
        .probe = series_plain(r, METRIC_STORE_PROBE),
        .connections = series_plain(r, METRIC_DB_CONNECTIONS),
    };
    for (size_t i = 0; i < OP_COUNT; i++) {
        struct slice name = slice_str(operation_name((enum store_operation)i));

        m->errors[i] = series_get(r, METRIC_STORE_ERRORS, &name);
    }
}

void meter_error(struct meter *m, enum store_operation op)
{
    metric_add(m->shard, m->errors[op], 1);
}

void meter_commit(struct meter *m, size_t jobs, uint64_t ns)
{
    if (jobs > 0)
        (void)histogram_observe(m->shard, m->batch, bounds_batch, N_BOUNDS_BATCH, jobs);
    (void)histogram_observe(m->shard, m->commit, bounds_duration, N_BOUNDS_DURATION, ns);
}

void meter_probe(struct meter *m, uint64_t ns)
{
    metric_set(m->shard, m->probe, (int64_t)ns);
}

void meter_connected(struct meter *m, bool yes)
{
    metric_set(m->shard, m->connections, yes);
}

void meter_reopened(struct meter *m)
{
    metric_add(m->shard, m->reopens, 1);
}

void meter_expired(struct meter *m, size_t submissions)
{
    metric_add(m->shard, m->expired, submissions);
}
