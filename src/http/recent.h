/* SPDX-License-Identifier: MIT */
/*
 * The last answers with a status of 500 or more, for people who look at the status page: what the
 * log has in full, at hand.
 *
 * Each loop writes into a ring of its own, so that a storm of 503 shares no cache line and takes no
 * lock; whoever reads merges the rings. Nothing a client sent is kept but the correlation ID, whose
 * characters were checked.
 *
 * Threads: recent_put on the ring's own thread; recent_list on any, at any time. An entry that is
 * just being written is left out.
 * Memory: about 5 KiB a ring.
 */
#ifndef SIDELIGHT_HTTP_RECENT_H
#define SIDELIGHT_HTTP_RECENT_H

#include "base/id.h"
#include "http/method.h"

/* Answers kept by each ring, and listed in all; the oldest one makes room. */
enum { RECENT_KEPT = 50 };

struct recent_error {
    uint64_t ended_ns;    /* monotonic, which orders them */
    uint64_t ended_ms;    /* Unix time, which may go back */
    uint64_t duration_ns; /* from the complete request to its answer */
    const char *endpoint; /* the route's label; static */
    unsigned status;
    enum http_method method;
    struct slice id;                  /* correlation_id; 1 to CORRELATION_ID_MAX bytes */
    char id_text[CORRELATION_ID_MAX]; /* recent_list's place for it; recent_put does not look */
};

struct recent;
struct recent_ring;

struct recent *recent_new(size_t rings);
void recent_free(struct recent *r); /* NULL is fine; no loop may write any more */
/* Ring `i`; NULL when `r` is NULL. */
struct recent_ring *recent_ring(struct recent *r, size_t i);

void recent_put(struct recent_ring *ring, const struct recent_error *e);

/* The newest of all rings, newest first, at most RECENT_KEPT; returns how many. */
size_t recent_list(const struct recent *r, struct recent_error ret[RECENT_KEPT]);

#endif
