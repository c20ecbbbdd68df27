/* SPDX-License-Identifier: MIT */
/*
 * The acceptor thread of the public port. Private to http/: server.c owns it and chooses where
 * connections go.
 */
#ifndef SIDELIGHT_HTTP_ACCEPTOR_H
#define SIDELIGHT_HTTP_ACCEPTOR_H

#include "http/service.h"

struct sockaddr;

struct acceptor_options {
    int listen_fd; /* closed by the acceptor */
    /*
     * Another process may hold it, too: what waits is left to that one, and nothing is done to the
     * socket itself.
     */
    bool shared;
    size_t max_connections;
    const struct http_metrics *metrics;
    struct shard *shard; /* its own */
    /* Takes over a connection; runs on the acceptor's thread. */
    void (*hand_over)(void *arg, int fd, const struct sockaddr *peer);
    void *arg;
};

/* Which of http_metrics.accept_errors counts a failed accept, by its errno. */
unsigned accept_error_kind(int e);

struct acceptor;
/* On failure `listen_fd` is closed, too. */
MUST_CHECK bool acceptor_new(const struct acceptor_options *opt,
                             struct acceptor **ret,
                             struct err *err);
/*
 * Starts the thread: apart from acceptor_new, as a connection may close before its caller has the
 * pointer.
 */
MUST_CHECK bool acceptor_start(struct acceptor *a, struct err *err);
/* A connection that was handed over has closed; any thread. */
void acceptor_closed(struct acceptor *a);
/* Takes what waits unless shared, beyond the cap, too; closes the listener, ends the thread; returns at once. */
void acceptor_stop(struct acceptor *a);
/* At the cap, and somebody waits; any thread. */
bool acceptor_crowded(const struct acceptor *a);
bool acceptor_stopped(const struct acceptor *a);
size_t acceptor_open(const struct acceptor *a); /* connections handed over and not closed */
void acceptor_join(struct acceptor *a); /* stops; on return nothing is handed over any more */
/* Joins. Nobody may call acceptor_closed any more. NULL is fine. */
void acceptor_free(struct acceptor *a);

#endif
