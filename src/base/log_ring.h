/* SPDX-License-Identifier: MIT */
/*
 * Private to the log: one ring of bytes between one producer and the writing thread. The ring is
 * mapped twice in a row, so that a line is contiguous wherever it starts.
 *
 * The producer's side (log_write_start, _ts, _commit) is declared in log.h.
 */
#ifndef SIDELIGHT_BASE_LOG_RING_H
#define SIDELIGHT_BASE_LOG_RING_H

#include "base/buf.h"
#include "base/log.h"

#include <stdatomic.h>

/* What the writing thread does; producers read it to know whether it wants to be woken. */
enum log_rest {
    LOG_AWAKE,   /* will look at every ring before it rests */
    LOG_NAPPING, /* looks again within 20 ms; wake it when a ring is half full */
    LOG_ASLEEP,  /* wake it for any line */
};

struct log_waker {
    _Atomic int state; /* enum log_rest */
    int fd;            /* an eventfd, not blocking */
};

struct log_ring {
    /* The producer's. Positions only grow; a position modulo LOG_RING_SIZE is an offset. */
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    uint64_t tail_seen; /* an old value of tail: reading tail itself costs a cache miss */
    char *base;
    struct log_waker *waker;
    _Atomic uint64_t lines, dropped;
    struct fmt_memo second; /* of the last line */
    /* The writer's. */
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    _Atomic uint64_t lost; /* lines taken that the descriptor refused */
};

MUST_CHECK bool log_ring_open(struct log_waker *waker, struct log_ring **ret, struct err *err);
void log_ring_close(struct log_ring *ring);

/*
 * The writer's side: the bytes that wait (whole lines but for what log_ring_skip cut), and dropping
 * them.
 */
struct slice log_ring_peek(const struct log_ring *ring);
void log_ring_skip(struct log_ring *ring, size_t n, uint64_t lost);

/* Wakes the writer unless it is awake. */
void log_waker_wake(struct log_waker *waker);

#endif
