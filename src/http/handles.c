/* SPDX-License-Identifier: MIT */
/*
 * All series the request path is known to need, resolved at the start so that they stand at 0
 * before the first event.
 */
#include "base/parse.h"
#include "http/guard.h"
#include "http/service.h"

#include <stdlib.h>

static struct metric get1(struct registry *r, enum metric_family f, const char *a)
{
    return series_get(r, f, (const struct slice[]){slice_str(a)});
}

static struct metric get2(struct registry *r, enum metric_family f, const char *a, const char *b)
{
    return series_get(r, f, (const struct slice[]){slice_str(a), slice_str(b)});
}

struct http_metrics *http_metrics_new(struct registry *registry)
{
    struct http_metrics *m = must_calloc(1, sizeof(*m));

    m->registry = registry;
    for (unsigned i = REFUSED_NOT + 1; i < REFUSALS; i++)
        m->rejected[i] = get1(registry, METRIC_HTTP_REJECTED, refusal_rows[i].label);
    for (unsigned s = 0; s < SLOS; s++)
        for (unsigned o = 0; o < SLO_OUTCOMES; o++)
            m->slo[s][o] = get2(registry, METRIC_SLO_EVENTS, slo_name((enum slo)s),
                                slo_outcome_name((enum slo_outcome)o));
    m->untrusted_forwarded = series_plain(registry, METRIC_HTTP_UNTRUSTED_FORWARDED);
    m->request_size = series_plain(registry, METRIC_HTTP_REQUEST_SIZE);
    m->response_size = series_plain(registry, METRIC_HTTP_RESPONSE_SIZE);
    m->accepted = series_plain(registry, METRIC_CONNECTIONS_ACCEPTED);
    m->accept_pauses = series_plain(registry, METRIC_ACCEPT_PAUSES);
    m->accept_errors[0] = get1(registry, METRIC_ACCEPT_ERRORS, "exhausted");
    m->accept_errors[1] = get1(registry, METRIC_ACCEPT_ERRORS, "other");
    m->timed_out[CONN_TIMEOUT_IDLE] = get1(registry, METRIC_CONNECTIONS_TIMED_OUT, "idle");
    m->timed_out[CONN_TIMEOUT_REQUEST] = get1(registry, METRIC_CONNECTIONS_TIMED_OUT, "request");
    m->timed_out[CONN_TIMEOUT_WRITE] = get1(registry, METRIC_CONNECTIONS_TIMED_OUT, "write");
    m->shed[CONN_SHED_IDLE] = get1(registry, METRIC_CONNECTIONS_SHED, "idle");
    m->shed[CONN_SHED_MEMORY] = get1(registry, METRIC_CONNECTIONS_SHED, "memory");
    m->loop_lag = series_plain(registry, METRIC_EVENT_LOOP_LAG);
    return m;
}

void http_metrics_free(struct http_metrics *m)
{
    free(m);
}

/*
 * What is not known yet is made in functions of its own: in one, each request paid for the labels'
 * texts, 85 instructions.
 */
static NOINLINE struct metric make_requests(struct registry *r,
                                            struct endpoint *e,
                                            enum http_method method,
                                            unsigned status)
{
    char text[FMT_U64];
    struct slice values[] = {
        slice_str(http_method_name(method)),
        slice_str(e->label),
        {text, (size_t)(fmt_u64(text, status) - text)}
    };
    struct metric m = series_get(r, METRIC_HTTP_REQUESTS, values);

    atomic_store_explicit(&e->metrics->requests[method][http_status_index(status)], m.cell + 1,
                          memory_order_relaxed);
    return m;
}

struct metric endpoint_requests(struct registry *r,
                                struct endpoint *e,
                                enum http_method method,
                                unsigned status)
{
    uint32_t cell = atomic_load_explicit(&e->metrics->requests[method][http_status_index(status)],
                                         memory_order_relaxed);

    if (cell != 0)
        return (struct metric){cell - 1, UINT32_MAX};
    return make_requests(r, e, method, status);
}

static NOINLINE struct metric make_duration(struct registry *r,
                                            struct endpoint *e,
                                            enum http_method method)
{
    struct metric m = get2(r, METRIC_HTTP_DURATION, http_method_name(method), e->label);
    uint64_t packed = ((uint64_t)m.exemplar << 32) | (m.cell + 1);

    atomic_store_explicit(&e->metrics->duration[method], packed, memory_order_relaxed);
    return m;
}

struct metric endpoint_duration(struct registry *r, struct endpoint *e, enum http_method method)
{
    uint64_t packed = atomic_load_explicit(&e->metrics->duration[method], memory_order_relaxed);

    if (packed != 0)
        return (struct metric){(uint32_t)packed - 1, (uint32_t)(packed >> 32)};
    return make_duration(r, e, method);
}

static void resolve_status(struct registry *r,
                           struct endpoint *e,
                           enum http_method method,
                           struct slice status)
{
    uint64_t code = 0;

    MUST(parse_u64(status, 100, 599, &code, NULL)); /* a row of the route table */
    (void)endpoint_requests(r, e, method, (unsigned)code);
}

/*
 * What a method of a path may answer: its row's statuses and the implied ones; 204 for OPTIONS, 405
 * or 404 else.
 */
static void resolve_method(struct registry *r,
                           struct endpoint *e,
                           enum http_method method,
                           bool matched)
{
    const struct route *route = e->by_method[method];
    struct slice list = route != NULL            ? slice_str(route->statuses)
                        : !matched               ? SLICE_LIT("404")
                        : method == HTTP_OPTIONS ? SLICE_LIT("204")
                                                 : SLICE_LIT("405");

    while (list.p != NULL)
        resolve_status(r, e, method, slice_cut(&list, ' '));
    if (route != NULL || method == HTTP_OPTIONS || !matched)
        (void)endpoint_duration(r, e, method);
    if (route == NULL)
        return;
    resolve_status(r, e, method, SLICE_LIT("500"));
    resolve_status(r, e, method, SLICE_LIT("503"));
    resolve_status(r, e, method, SLICE_LIT("499"));
}

static void resolve_endpoint(struct registry *r, struct endpoint *e, bool matched)
{
    e->metrics = must_calloc(1, sizeof(*e->metrics));
    e->metrics->in_flight = get1(r, METRIC_HTTP_IN_FLIGHT, e->label);
    e->metrics->errors[0] = get2(r, METRIC_HTTP_ERRORS, "client", e->label);
    e->metrics->errors[1] = get2(r, METRIC_HTTP_ERRORS, "server", e->label);
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        resolve_method(r, e, (enum http_method)m, matched);
}

void service_init(struct service *s,
                  const struct route *routes,
                  size_t n,
                  void *ctx,
                  struct http_metrics *metrics)
{
    size_t endpoints;

    *s = (struct service){
        .router = router_new(routes, n), .ctx = ctx, .metrics = metrics, .conns = metrics};
    endpoints = router_endpoints(s->router);
    for (size_t i = 0; i + 1 < endpoints; i++)
        access_log_prepare(router_endpoint(s->router, i));
    for (size_t i = 0; metrics != NULL && i < endpoints; i++)
        resolve_endpoint(metrics->registry, router_endpoint(s->router, i), i + 1 < endpoints);
}

void service_release(struct service *s)
{
    for (size_t i = 0; s->router != NULL && i < router_endpoints(s->router); i++) {
        free(router_endpoint(s->router, i)->metrics);
        free(router_endpoint(s->router, i)->log);
    }
    router_free(s->router);
    *s = (struct service){.router = NULL};
}
