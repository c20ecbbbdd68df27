/* SPDX-License-Identifier: MIT */
/*
 * Thousands of clients in one thread: connections that never block, each with what it asked for under way, or idle.
 *
 * Belongs to one thread, which need not be the main one: nothing here asserts.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_CROWD_H
#define SIDELIGHT_TESTS_FAULTS_CROWD_H

#include "base/slice.h"
#include "tests/e2e/lib/reply.h"

struct crowd_answer {
    int status;         /* 0: the connection ended before a whole answer */
    unsigned retry_s;   /* when it says to come back; 0: it says nothing, or no number of seconds */
    struct slice body;  /* as long as the call */
    uint64_t waited_ns; /* since crowd_ask */
};

struct crowd_options {
    unsigned port;
    size_t max; /* clients: 0 .. max - 1 */
    /* Each answer to client `i`. It may ask again in there when nothing more is under way (crowd_busy), but not close. */
    void (*answered)(void *ctx, size_t i, const struct crowd_answer *a);
    void *ctx;
};

struct crowd;
struct crowd *crowd_new(const struct crowd_options *opt);
void crowd_free(struct crowd *c); /* closes all connections; NULL is fine */

/* Begins to open client `i`'s connection unless it is open; false when that can't be. */
MUST_CHECK bool crowd_open(struct crowd *c, size_t i);
/*
 * Sends `request`, which holds `answers` requests one behind the other and lives until they are answered. Opens the
 * connection if need be, and is false when that can't be; one that breaks answers with status 0, once.
 */
MUST_CHECK bool crowd_ask(struct crowd *c, size_t i, struct slice request, unsigned answers);
void crowd_close(struct crowd *c, size_t i);
bool crowd_busy(const struct crowd *c, size_t i);
bool crowd_connected(const struct crowd *c, size_t i);
/* Connections that are established now. */
size_t crowd_size(const struct crowd *c);
/* Does what there is to do, or waits for it up to `ms`. */
void crowd_turn(struct crowd *c, int ms);

/* Raises this process's limit of descriptors to `n`, which a server inherits; false when it may not. */
bool crowd_files(size_t n);

#endif
