/* SPDX-License-Identifier: MIT */
/*
 * What the writing thread does: batches, the probe, the upkeep, and going out of service and back.
 * Private to store/.
 *
 * All of it is the writing thread's (before that, the opening thread's) but the atomics, which
 * anybody may read.
 */
#ifndef SIDELIGHT_STORE_WRITER_H
#define SIDELIGHT_STORE_WRITER_H

#include "store/age_clock.h"
#include "store/meter.h"
#include "store/queue.h"

struct writer {
    const struct store_ops *ops;
    void *arg;
    struct log *log;
    uint64_t probe_ns, retry_ns, tidy_ns;
    uint64_t wait_ms;        /* of writer_open, for others who use the database */
    struct job_queue *queue; /* the writer shuts and opens it */
    struct meter meter;

    struct store_backend *backend; /* NULL: not open */
    struct age_clock age;
    uint64_t probe_due, retry_due, tidy_due; /* monotonic */
    uint64_t expired;                        /* submissions, since the last pause of the upkeep */
    uint64_t down_since;
    struct err down_err; /* the last one logged while down */
    enum store_operation down_op;
    bool spoilt; /* at the end: see store_close */

    _Atomic uint64_t probed_at; /* monotonic, the last probe that succeeded */
    _Atomic uint64_t probe_latency;
    _Atomic uint64_t retention_ns; /* written by anybody */
};

/* Opens, checkpoints and probes the backend; on failure nothing is left open. */
MUST_CHECK bool writer_open(struct writer *w, struct err *err);
/* Works until the queue is closed and empty, then checkpoints and closes. */
void writer_run(struct writer *w);
void writer_close(struct writer *w); /* what writer_open opened, when writer_run never ran */

#endif
