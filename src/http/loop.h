/* SPDX-License-Identifier: MIT */
/*
 * libh2o's side of an event loop: connections, messages from other threads, and the bridge between
 * h2o_req_t and struct request. Private to http/ (it shows <h2o.h>); server.h and ops.h are what
 * the application sees.
 *
 * One handler, one filter and one logger stand on the fallback path of a configuration without
 * paths: so everything, what libh2o refuses itself included, takes the same way, and routing is
 * ours.
 *
 * Threads: a struct evloop belongs to its thread, tear-down included (libh2o's buffers point into
 * thread-local storage). loop_post and pending_resume are the only way in from outside.
 */
#ifndef SIDELIGHT_HTTP_LOOP_H
#define SIDELIGHT_HTTP_LOOP_H

#include "http/delay.h"
#include "http/service.h"

#include <h2o.h>

enum {
    /* TCP_USER_TIMEOUT: libh2o has no write timeout; connections_timed_out_total */
    CONN_WRITE_TIMEOUT_MS = 20000,
    DRAIN_GRACE_MS = 2000,    /* how long idle connections may run into "Connection: close" */
    EVLOOP_CLOSE_TURNS = 200, /* of at most 10 ms */
    TICK_PERIOD_MS = 500,     /* lag, sweep */
    TICK_DRAIN_MS = 100,      /* the same while it drains, or holds a quarter of input_max */
    TICK_LATE_MS = 1000,      /* a tick this late sweeps nothing: the process was stopped */
    SWEEP_SLACK_MS = 2000,    /* libh2o's own timer comes first */
    SUSPEND_MAX_MS = 10000,   /* a suspended request gets its late answer then */
};
_Static_assert(DELAY_MAX_MS < (int)SUSPEND_MAX_MS, "a delay is over before its request is late");

/* What arrives through h2o_multithread_send_message. Prefix of struct pending. */
enum loop_msg_kind {
    LOOP_RESUME, /* a struct pending (kind 0, as zero-filled) */
    LOOP_CONN,   /* a struct conn to adopt */
    LOOP_CALL,   /* a struct loop_call to run and free */
};
struct loop_msg {
    h2o_multithread_message_t super; /* zero-filled before it is sent */
    int kind;
};
struct evloop;
typedef void loop_call_fn(struct evloop *l, void *arg);
struct loop_call {
    struct loop_msg msg;
    loop_call_fn *fn;
    void *arg;
};

/* One accepted connection, from accept to close. */
struct conn {
    struct loop_msg msg;
    unsigned tag;
    int fd;
    struct evloop *loop;
    h2o_socket_t *sock;
    h2o_linklist_t link;    /* in evloop.conns */
    struct request *rq;     /* the one in progress (HTTP/1 has one at a time) */
    struct live_slot *slot; /* what rq->live points into, held until rq is finished */
    size_t written;         /* bytes written when the last request was finished */
    uint64_t waiting_ns;    /* monotonic: since when it waits for a request */
    uint64_t stalled_ns; /* monotonic: since when what was sent goes unacknowledged; 0: not long */
    bool moved;          /* the last look at a stall found none */
    bool cut;            /* by a tick: counted and shut down */
    struct ip peer;
    uint8_t peer_text_len;
    char peer_text[IP_TEXT_MAX];
};

/*
 * A live configuration as one loop holds it. An answer may still be on its way out when a reload
 * comes, and points into the old one (a Location, the log settings), so that is released when its
 * last request is finished. Own thread: no atomics.
 */
struct live_slot {
    const struct http_live *live;
    void *owner;
    void (*release)(void *owner);
    size_t requests;
    bool retired;
};
void live_slot_drop(struct live_slot *slot); /* one request less */

struct evloop {
    h2o_context_t ctx; /* first: found again from req->conn->ctx */
    unsigned tag;
    struct loop base; /* what handlers see as struct loop */
    h2o_accept_ctx_t accept_ctx;
    h2o_generator_t generator; /* one-shot answers need none of its callbacks */
    h2o_multithread_receiver_t receiver;
    h2o_linklist_t unused; /* timeouts of the context that never have an entry */
    h2o_linklist_t conns;
    size_t n_conns;
    size_t n_suspended; /* requests waiting for pending_resume, or for their time */
    struct delays delays;
    uint64_t now_ns;           /* monotonic: when this turn began */
    uint64_t tick_ns;          /* when the next tick is due */
    uint64_t drain_ns;         /* when idle connections may be closed */
    unsigned write_timeout_ms; /* of connections adopted from now on */
    size_t input_max;          /* bytes of requests that it may hold; 0: no bound */
    bool draining, quit;
    void (*on_conn_close)(void *arg); /* NULL, or the owner's count */
    void *on_conn_close_arg;
    bool (*crowded)(const void *arg); /* NULL, or whether somebody waits for one to close */
    const void *crowded_arg;
    struct live_slot *slot; /* the live configuration in force */
};

/*
 * Fills `conf` for one port: limits, timeouts, HTTP/2 off, no Server header, our handler, filter
 * and logger.
 */
void loop_configure(h2o_globalconf_t *conf, size_t body_max, uint64_t request_timeout_ms);

/* On the loop's own thread. `base` is copied, except that its ids are initialised here. */
void evloop_init(struct evloop *l, h2o_globalconf_t *conf, const struct loop *base);
/* Runs what is due, waiting at most `max_ms` for something. */
void evloop_turn(struct evloop *l, int max_ms);
/*
 * Cuts and closes what is left, for at most EVLOOP_CLOSE_TURNS turns; what then still stands is
 * leaked, as the process ends.
 */
void evloop_release(struct evloop *l);

/* Adds a connection that was accepted with SOCK_NONBLOCK | SOCK_CLOEXEC; own thread. */
void evloop_adopt(struct evloop *l, struct conn *c);
/* A conn for `fd`, with its socket options set; any thread. */
struct conn *conn_new(int fd, const struct sockaddr *peer);

/* Sends; any thread, as long as the loop runs. */
void loop_post(struct evloop *l, struct loop_msg *msg);
void loop_call(struct evloop *l, loop_call_fn *fn, void *arg);

/* Connection: close from here on, idle connections closed after `grace_ms`. Own thread. */
void evloop_drain(struct evloop *l, unsigned grace_ms);
/* Cuts every connection. Own thread. */
void evloop_cut(struct evloop *l);
/*
 * Replaces the live configuration; the old owner is released when no request uses it any more. Own
 * thread.
 */
void evloop_set_live(struct evloop *l,
                     const struct http_live *live,
                     void *owner,
                     void (*release)(void *));

/*
 * tick.c: what a loop does every TICK_PERIOD_MS, by the monotonic clock. How long it may sleep
 * until then, in ms.
 */
void evloop_tick(struct evloop *l);
int evloop_tick_wait(const struct evloop *l);

/* bridge.c: our handler, filter and logger. */
void bridge_register(h2o_globalconf_t *conf);
extern const struct transport h2o_transport;

#endif
