/* SPDX-License-Identifier: MIT */
/*
 * The public port: one acceptor thread and N worker threads, each with an event loop of its own.
 *
 * The acceptor hands each connection to the worker that has the fewest. At the connection cap it
 * stops accepting (new ones wait in the kernel's queue) until one closes, and while one waits the
 * workers close those that have been idle longest; without descriptors or memory it pauses for
 * 100 ms instead of spinning.
 */
#ifndef SIDELIGHT_HTTP_SERVER_H
#define SIDELIGHT_HTTP_SERVER_H

#include "http/service.h"

enum {
    ACCEPT_BATCH = 64,     /* connections taken per wake-up */
    ACCEPT_PAUSE_MS = 100, /* after EMFILE, ENFILE, ENOBUFS, ENOMEM */
    ACCEPT_LINGER_MS = 50, /* how long handshakes under way may take when the port closes */
    SERVER_WORKERS_MAX = 64,
    /* Bytes of requests that are not answered yet, of all connections; each worker has its share. */
    INPUT_TOTAL_MAX = 128 << 20,
};

/*
 * Keeps a live configuration alive: each loop holds one reference and releases it when it gets
 * another.
 */
struct live_ref {
    const struct http_live *live;
    void *owner;
    void (*acquire)(void *owner);
    void (*release)(void *owner);
};

struct server_options {
    int listen_fd;      /* the server closes it, also when it cannot start */
    bool listen_shared; /* another process may hold it, too: connections that wait are left to it */
    unsigned workers;
    size_t max_connections;
    size_t body_max;
    uint64_t request_timeout_ms;
    const struct service *service;
    struct registry *registry;
    size_t first_shard; /* `workers` shards for them, then one for the acceptor */
    struct log *log;
    struct live_ref live;
};

struct server;

/*
 * Starts the threads; connections are accepted when it returns. The process ignores SIGPIPE: libh2o
 * writes with writev.
 */
MUST_CHECK bool server_new(const struct server_options *opt, struct server **ret, struct err *err);
/* Connections of worker `i`, by any thread. */
size_t server_connections(const struct server *s, unsigned i);
/*
 * Whether every worker's loop has turned since `since_ns` (clock_mono_ns); a loop turns at least
 * every half second unless something in it hangs.
 */
bool server_alive(const struct server *s, uint64_t since_ns);
/* Hands a new live configuration to every worker. */
void server_set_live(struct server *s, const struct live_ref *live);
/*
 * Takes what waits to be accepted (unless shared), closes the listener, then lets connections finish. Returns at
 * once.
 */
void server_drain(struct server *s);
/* True when the drain is over: no connection and no suspended request is left. */
bool server_drained(struct server *s);
/* Cuts all connections. */
void server_cut(struct server *s);
/* Ends and joins the threads; no job may be under way any more. NULL is fine. */
void server_free(struct server *s);

#endif
