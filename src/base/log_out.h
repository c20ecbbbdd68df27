/* SPDX-License-Identifier: MIT */
/*
 * Private to the log: writing to a descriptor that belongs to others too, so that it must not be
 * made non-blocking, without being caught in a write that blocks.
 */
#ifndef SIDELIGHT_BASE_LOG_OUT_H
#define SIDELIGHT_BASE_LOG_OUT_H

#include "base/err.h"
#include "base/slice.h"

#include <stdatomic.h>

struct log_out {
    int fd;      /* where lines go */
    int wake_fd; /* an eventfd that ends a wait, so that the deadline is read again */
    const _Atomic uint64_t *deadline_ns; /* monotonic; 0: none */
    bool socket;
    size_t piece;  /* the most to write at once */
    bool mid_line; /* what was written last is no whole line */
    bool failed;   /* the last write failed: its line will not be finished */
};

/* False when `fd` is not open. */
MUST_CHECK bool log_out_init(struct log_out *out, int fd, struct err *err);

/*
 * Writes the first part of `lines` and returns its length. Waits for a reader that is stalled;
 * returns 0 when the deadline is over. When the descriptor fails, everything counts as dealt with,
 * and *lost says how many lines that were.
 */
size_t log_out_write(struct log_out *out, struct slice lines, uint64_t *ret_lost);

/* Waits until the eventfd is signalled or `timeout_ms` is over, and resets it. */
void log_out_rest(struct log_out *out, int timeout_ms);

#endif
