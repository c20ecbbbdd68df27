/* SPDX-License-Identifier: MIT */
/*
 * The writing thread's metrics: resolved once, written on its own shard only. Private to store/.
 */
#ifndef SIDELIGHT_STORE_METER_H
#define SIDELIGHT_STORE_METER_H

#include "metrics/registry.h"

/* What can fail; the label `operation` of store_errors_total. */
enum store_operation {
    OP_OPEN,
    OP_BEGIN,
    OP_ADD,
    OP_DELETE,
    OP_VISITS,
    OP_COMMIT,
    OP_CHECKPOINT,
    OP_PROBE,
    OP_TIDY,
    OP_COUNT,
};

const char *operation_name(enum store_operation op);

struct meter {
    struct shard *shard;
    struct metric batch, commit, reopens, expired, probe, connections;
    struct metric errors[OP_COUNT];
};

void meter_init(struct meter *m, struct registry *r, struct shard *s);

void meter_error(struct meter *m, enum store_operation op);
/* One that succeeded; `jobs` without the visitor counter's. */
void meter_commit(struct meter *m, size_t jobs, uint64_t ns);
void meter_probe(struct meter *m, uint64_t ns);
void meter_connected(struct meter *m, bool yes);
void meter_reopened(struct meter *m);
void meter_expired(struct meter *m, size_t submissions);

#endif
