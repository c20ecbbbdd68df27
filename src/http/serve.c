/* SPDX-License-Identifier: MIT */
/*
 * The life of a request, from a complete head and body to a handler. What libh2o does before and
 * after is in bridge.c; the end of it is in finish.c.
 */
#include "base/clock.h"
#include "http/cors.h"
#include "http/guard.h"
#include "http/service.h"

/* How often a peer that is not trusted but sends forwarding headers is warned of. */
static const uint64_t forward_warn_ns = 60 * NS_PER_SEC;

static void warn_forwarded(struct request *rq)
{
    struct loop *l = rq->loop;

    if (l->service->metrics != NULL)
        metric_add(l->shard, l->service->metrics->untrusted_forwarded, 1);
    if (l->log == NULL ||
        (l->forward_warned_ns != 0 && rq->start_ns - l->forward_warned_ns < forward_warn_ns))
        return;
    l->forward_warned_ns = rq->start_ns;
    LOG_EVENT(
        l->log, LOG_WARN, "untrusted_forwarding_header", LOG_SLICE("peer", rq->peer_text),
        LOG_SLICE("correlation_id", rq->correlation_id),
        LOG_STR("hint", "add the proxy to trusted_proxies, or all clients share one rate limit"));
}

/* The peer, or what a trusted peer says in exactly one readable header. */
static void identify(struct request *rq)
{
    const struct http_live *live = rq->live;

    rq->client = rq->peer;
    rq->client_is_peer = true;
    if (!rq->head.forwarded)
        return;
    if (!ip_net_has(live->trusted, live->n_trusted, &rq->peer))
        warn_forwarded(rq);
    else if (rq->head.client_ip_count == 1 && ip_parse(rq->head.client_ip, &rq->client))
        rq->client_is_peer = false;
}

/* The client's ID when it is one and valid, else a new one. */
static void correlate(struct request *rq)
{
    const struct head *h = &rq->head;
    struct slice given = SLICE_NONE;

    if (h->correlation_count > 0)
        given = h->correlation_count == 1 ? h->correlation_id : SLICE_NONE;
    else if (h->request_id_count == 1)
        given = h->request_id;
    if (correlation_id_valid(given)) {
        (void)fmt_slice(rq->correlation_text, given);
        rq->correlation_id = (struct slice){rq->correlation_text, given.n};
    } else {
        id_make(&rq->loop->ids, rq->start_ms, rq->correlation_text);
        rq->correlation_id = (struct slice){rq->correlation_text, ID_LEN};
    }
    if (h->traceparent.n > 0 && !traceparent_trace_id(h->traceparent, &rq->trace_id))
        rq->trace_id = SLICE_NONE;
}

void request_begin(struct request *rq, struct slice raw)
{
    rq->live = rq->loop->live;
    rq->start_ns = clock_mono_ns();
    rq->start_ms = clock_wall_ms();
    head_scan(raw, rq->live->client_ip_header, &rq->head);
    rq->close = rq->head.close;
    correlate(rq);
    identify(rq);
    if (rq->live->n_origins > 0)
        cors_begin(rq);
}

/* Everything that is refused before any route sees it. */
static enum refusal guard(const struct request *rq)
{
    const struct service *s = rq->loop->service;
    const struct head *h = &rq->head;

    if (h->refusal != REFUSED_NOT)
        return h->refusal;
    if (s->internal)
        return guard_host_internal(rq->live, s->alias, h->name) ? REFUSED_NOT : REFUSED_MISDIRECTED;
    return guard_host(rq->live, h->name) ? REFUSED_NOT : REFUSED_MISDIRECTED;
}

static void enter(struct request *rq, struct endpoint *e)
{
    rq->endpoint = e;
    rq->route = e->by_method[rq->head.method];
    if (e->metrics != NULL)
        metric_add(rq->loop->shard, e->metrics->in_flight, 1);
}

/* A known path, and a method without a handler: OPTIONS, or one that is wrong here. */
static void answer_methods(struct request *rq)
{
    struct slice allow = endpoint_allow(rq->endpoint, rq, rq->loop->service->ctx,
                                        request_alloc(rq, ENDPOINT_ALLOW_MAX));

    answer_header(rq, "allow", allow);
    if (rq->head.method == HTTP_OPTIONS) {
        cors_preflight(rq, allow);
        answer_borrowed(rq, 204, NULL, SLICE_NONE);
    } else {
        answer_error(rq, 405, "method_not_allowed",
                     "This path does not answer this method; Allow lists those it does.");
    }
}

static void answer_unmatched(struct request *rq)
{
    if (rq->head.method == HTTP_OPTIONS && slice_eq(rq->head.target, SLICE_LIT("*"))) {
        answer_header(rq, "allow", SLICE_LIT("GET, HEAD, POST, OPTIONS"));
        answer_borrowed(rq, 204, NULL, SLICE_NONE);
    } else {
        answer_error(rq, 404, "not_found", "There is nothing at this path.");
    }
}

static void dispatch(struct request *rq)
{
    const struct service *s = rq->loop->service;
    struct endpoint *e = router_find(s->router, rq->head.path);

    if (e != NULL && !endpoint_open(e, rq, s->ctx))
        e = NULL;
    enter(rq, e != NULL ? e : router_unmatched(s->router));
    if (rq->route != NULL)
        rq->route->handler(rq, s->ctx);
    else if (e != NULL)
        answer_methods(rq);
    else
        answer_unmatched(rq);
}

void serve(struct request *rq)
{
    rq->refusal = guard(rq);
    if (rq->refusal != REFUSED_NOT)
        guard_refuse(rq);
    else
        dispatch(rq);
}

struct shard *request_shard(const struct request *rq)
{
    return rq->loop->shard;
}

struct shard *loop_shard(struct loop *loop)
{
    return loop->shard;
}

struct id_source *request_ids(const struct request *rq)
{
    return &rq->loop->ids;
}

const void *request_app_live(const struct request *rq)
{
    return rq->live->app;
}
