/* SPDX-License-Identifier: MIT */
/* The end of every request: counters, histograms, SLO outcomes, the log line. */
#include "base/clock.h"
#include "http/service.h"

static void count_slos(const struct request *rq,
                       const struct route *route,
                       const struct slo_event *event)
{
    const struct http_metrics *m = rq->loop->service->metrics;

    for (unsigned slo = 0; slo < SLOS; slo++)
        if ((route->slos & (1u << slo)) != 0)
            metric_add(rq->loop->shard, m->slo[slo][slo_judge((enum slo)slo, event)], 1);
}

/*
 * A refused request counts by its reason only; if it was meant for a route with SLOs that is open
 * to it, they exclude it.
 */
static void count_refused(struct request *rq)
{
    const struct service *s = rq->loop->service;
    struct endpoint *e = rq->head.path.n > 0 ? router_find(s->router, rq->head.path) : NULL;
    const struct route *route =
        e != NULL && rq->head.method < HTTP_METHODS ? e->by_method[rq->head.method] : NULL;

    if (s->conns != NULL)
        metric_add(rq->loop->shard, s->conns->rejected[rq->refusal], 1);
    if (s->metrics == NULL || route == NULL || !route_open(route, rq, s->ctx))
        return;
    count_slos(rq, route, &(struct slo_event){.status = rq->status, .refused = true});
    if (rq->refusal == REFUSED_BODY_TOO_LARGE && route->too_large != NULL)
        route->too_large(rq, s->ctx);
}

/* For the status page; what is remembered has no route but its template. */
static void remember_error(const struct request *rq, unsigned status, uint64_t duration)
{
    if (status >= 500 && rq->loop->recent != NULL)
        recent_put(rq->loop->recent,
                   &(struct recent_error){.ended_ns = rq->start_ns + duration,
                                          .ended_ms = rq->start_ms + duration / NS_PER_MS,
                                          .duration_ns = duration,
                                          .endpoint = rq->endpoint->label,
                                          .status = status,
                                          .method = rq->head.method,
                                          .id = rq->correlation_id});
}

static void count_served(struct request *rq, unsigned status, uint64_t duration, uint64_t bytes_out)
{
    const struct http_metrics *m = rq->loop->service->metrics;
    const struct endpoint_metrics *em = rq->endpoint->metrics;
    struct shard *shard = rq->loop->shard;
    enum http_method method = rq->head.method;
    struct metric histogram = endpoint_duration(m->registry, rq->endpoint, method);
    size_t bucket;

    metric_sub(shard, em->in_flight, 1);
    metric_add(shard, endpoint_requests(m->registry, rq->endpoint, method, status), 1);
    bucket = histogram_observe(shard, histogram, bounds_duration, N_BOUNDS_DURATION, duration);
    exemplar_offer(shard, histogram, bucket, duration,
                   (struct exemplar_ids){rq->correlation_id, rq->trace_id}, rq->start_ms);
    histogram_observe(shard, m->request_size, bounds_size, N_BOUNDS_SIZE, rq->body.n);
    histogram_observe(shard, m->response_size, bounds_size, N_BOUNDS_SIZE, bytes_out);
    if (status >= 400) {
        metric_add(shard, em->errors[status >= 500], 1);
        remember_error(rq, status, duration);
    }
    if (rq->route != NULL && rq->route->slos != 0 && method != HTTP_OPTIONS)
        count_slos(rq, rq->route,
                   &(struct slo_event){.status = status,
                                       .limited = rq->limited,
                                       .slow = duration > rq->live->latency_threshold_ns});
}

void finish(struct request *rq, bool sent, uint64_t bytes_out)
{
    const struct loop *l = rq->loop;
    unsigned status = rq->status != 0 && !rq->client_gone ? rq->status : HTTP_CLIENT_GONE;
    uint64_t duration = clock_mono_ns() - rq->start_ns;
    bool counts = METRICS_WRITTEN && l->service->metrics != NULL;

    if (rq->pending != NULL)
        rq->pending->rq = NULL; /* its job comes back to nobody */
    if (rq->on_finish != NULL)
        rq->on_finish(rq->on_finish_arg, sent);
    if (METRICS_WRITTEN && rq->refusal != REFUSED_NOT)
        count_refused(rq);
    else if (counts && rq->endpoint != NULL)
        count_served(rq, status, duration, bytes_out);
    if (l->ring != NULL && log_get_level(l->log) <= (l->service->internal ? LOG_DEBUG : LOG_INFO))
        access_log(l->ring, rq, status, duration, bytes_out);
}
