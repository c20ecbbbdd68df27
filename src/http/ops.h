/* SPDX-License-Identifier: MIT */
/*
 * The metrics port's loop, which is also where signals arrive and where the application ticks: it
 * runs on the main thread and does nothing a public request waits for.
 *
 * The listener is opened by address at once. A name is resolved by a thread of its own, again and
 * again until one of its addresses is local and could be bound; until then the port is closed and
 * everything else works.
 */
#ifndef SIDELIGHT_HTTP_OPS_H
#define SIDELIGHT_HTTP_OPS_H

#include "http/server.h"

enum {
    /* one more is closed at once, counted in metrics_connections_refused_total */
    OPS_CONNECTIONS_MAX = 64,
    OPS_BODY_MAX = 1024, /* bytes of a request body on the metrics port */
    OPS_REQUEST_TIMEOUT_MS = 10000,
    OPS_RESOLVE_RETRY_MS = 1000,
};

struct ops_options {
    struct host_port listen; /* its slices must stay */
    int listen_fd;           /* listening already, in place of `listen`; owned; -1: none */
    const struct service *service;
    struct registry *registry;
    size_t shard; /* the loop's own */
    struct log *log;
    struct live_ref live;
    /* caught on this loop; blocked in the calling thread, so in all it starts later */
    const int *signals;
    size_t n_signals;
    void (*on_signal)(void *arg, int signo);
    /* Runs after each turn; returns how many milliseconds the next may wait, 0 to stop. */
    unsigned (*on_tick)(void *arg);
    void *arg;
};

struct ops;
/*
 * Call before any other thread is started: it blocks the signals. Binds the listener if it is an
 * address.
 */
MUST_CHECK bool ops_new(const struct ops_options *opt, struct ops **ret, struct err *err);
/* Runs until on_tick returns 0. */
void ops_run(struct ops *o);
void ops_set_live(struct ops *o, const struct live_ref *live);
/* Closes the listener and lets connections finish, for at most `ms`. */
void ops_close(struct ops *o, unsigned ms);
void ops_free(struct ops *o);

#endif
