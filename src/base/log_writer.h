/* SPDX-License-Identifier: MIT */
/* Private to the log: the thread that moves lines from the rings to the descriptor. */
#ifndef SIDELIGHT_BASE_LOG_WRITER_H
#define SIDELIGHT_BASE_LOG_WRITER_H

#include "base/log.h"

struct log_writer;

MUST_CHECK bool log_writer_new(int fd, struct log_writer **ret, struct err *err);
/*
 * Drains the rings, for at most `timeout_ms`, and ends the thread. A thread that is caught in a
 * write all the same is left behind, with its memory.
 */
void log_writer_free(struct log_writer *w, uint32_t timeout_ms);
/*
 * The same, but nothing is freed: other threads may go on writing, to no end. False: the thread was
 * left behind.
 */
bool log_writer_end(struct log_writer *w, uint32_t timeout_ms);

/* One call at a time. NULL when LOG_RINGS_MAX are in use or the system gives no memory. */
struct log_ring *log_writer_add_ring(struct log_writer *w, struct err *err);

/* Any thread. */
void log_writer_stats(const struct log_writer *w, struct log_stats *ret);

#endif
