/* SPDX-License-Identifier: MIT */
/*
 * What a port serves (struct service), what each event loop owns (struct loop), and the life of a
 * request between the two: begin, serve, finish. Still without libh2o; server.c and loop.c bring
 * that.
 */
#ifndef SIDELIGHT_HTTP_SERVICE_H
#define SIDELIGHT_HTTP_SERVICE_H

#include "base/log.h"
#include "http/live.h"
#include "http/recent.h"
#include "http/router.h"
#include "metrics/metrics.h"

enum slo_outcome { SLO_GOOD, SLO_BAD, SLO_EXCLUDED, SLO_OUTCOMES };

/* Why time ended a connection. */
enum conn_timeout {
    CONN_TIMEOUT_IDLE,    /* nothing of a request came */
    CONN_TIMEOUT_REQUEST, /* not all of one came */
    CONN_TIMEOUT_WRITE,   /* an answer was not acknowledged */
    CONN_TIMEOUTS,
};

/* Why a connection had to make room. */
enum conn_shed {
    CONN_SHED_IDLE,   /* for those who wait beyond the cap */
    CONN_SHED_MEMORY, /* for what others send */
    CONN_SHEDS,
};

/* Handles of everything the request path counts; resolved once, shared by all loops. */
struct http_metrics {
    struct registry *registry;
    struct metric rejected[REFUSALS];
    struct metric untrusted_forwarded;
    struct metric request_size, response_size;
    struct metric slo[SLOS][SLO_OUTCOMES];
    struct metric accepted, accept_pauses;
    struct metric accept_errors[2]; /* out of descriptors or memory; anything else */
    struct metric timed_out[CONN_TIMEOUTS];
    struct metric shed[CONN_SHEDS];
    struct metric loop_lag;
};

/*
 * Handles of one endpoint. What its rows do not declare is resolved when it first comes up (0: not
 * yet).
 */
struct endpoint_metrics {
    struct metric in_flight;
    struct metric errors[2]; /* client, server */
    /* cell + 1, and the exemplar's slot in the upper half */
    _Atomic uint64_t duration[HTTP_METHODS];
    _Atomic uint32_t requests[HTTP_METHODS][HTTP_STATUSES]; /* cell + 1 */
};

struct service {
    struct router *router;
    void *ctx;                    /* handed to handlers */
    struct http_metrics *metrics; /* NULL: requests are not counted (the metrics port) */
    /*
     * What never gets to a route, on both ports: refusals, failed accepts, timeouts. NULL: not
     * counted.
     */
    const struct http_metrics *conns;
    struct recent *recent; /* NULL: recent errors are not kept; a ring for each loop */
    bool internal;         /* the metrics port: Host rule of guard_host_internal, log level debug */
    struct slice alias;    /* the name in listen.metrics */
};

/* What one event loop's thread owns. */
struct loop {
    const struct service *service;
    struct shard *shard;
    struct id_source ids;
    struct log *log;
    struct log_ring *ring;      /* NULL: no ring was left; requests are not logged */
    struct recent_ring *recent; /* NULL: recent errors are not kept */
    const struct http_live *live;
    uint64_t forward_warned_ns; /* when untrusted forwarding headers were last warned of */
};

/* Resolves all handles and creates all known series at 0. `registry` outlives them. */
struct http_metrics *http_metrics_new(struct registry *registry);
/* The series of an endpoint, made when they first come up. */
struct metric endpoint_requests(struct registry *r,
                                struct endpoint *e,
                                enum http_method method,
                                unsigned status);
struct metric endpoint_duration(struct registry *r, struct endpoint *e, enum http_method method);
void http_metrics_free(struct http_metrics *m);
void service_init(struct service *s,
                  const struct route *routes,
                  size_t n,
                  void *ctx,
                  struct http_metrics *metrics);
void service_release(struct service *s);

/*
 * Fills a zeroed request from its raw head: the clock, the head, the client, the correlation ID.
 * `rq->transport`, `loop`, `native`, `peer`, `peer_text` and `body` are set already.
 */
void request_begin(struct request *rq, struct slice raw);

/* Answers it, now or later: guard, router, handler. */
void serve(struct request *rq);

/*
 * The one hook at the end of every request, run once, for broken ones too: counts, judges, logs.
 * `sent` is false when the answer was not handed to the kernel whole; `bytes_out` counts body
 * bytes.
 */
void finish(struct request *rq, bool sent, uint64_t bytes_out);

/* How an SLO judges a request: the table in docs/metrics.md. */
struct slo_event {
    unsigned status; /* 499: the client had gone */
    bool refused;    /* by the guard */
    bool limited;    /* 429 by a limit of this client alone */
    bool slow;       /* later than slo.latency_threshold */
};
enum slo_outcome slo_judge(enum slo slo, const struct slo_event *e);
const char *slo_outcome_name(enum slo_outcome o);

/* One line of the request log into `ring`. `status` may differ from rq->status (499). */
void access_log(struct log_ring *ring,
                const struct request *rq,
                unsigned status,
                uint64_t duration_ns,
                uint64_t bytes_out);
/* Sets e->log, for free(): what all lines of an endpoint have in common, one piece a method. */
void access_log_prepare(struct endpoint *e);

#endif
