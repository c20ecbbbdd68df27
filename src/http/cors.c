/* SPDX-License-Identifier: MIT */
/* The header fields of CORS, and whose origin is allowed. */
#include "http/cors.h"
#include "http/service.h"

static bool applies(const struct request *rq)
{
    return rq->live->n_origins > 0 && !rq->loop->service->internal;
}

/* The entry of cors.origins that the request's origin is, or NULL. */
static const struct slice *listed(const struct request *rq)
{
    const struct http_live *live = rq->live;

    if (rq->head.origin_count != 1)
        return NULL;
    for (size_t i = 0; i < live->n_origins; i++)
        if (slice_eq(live->origins[i], rq->head.origin))
            return &live->origins[i];
    return NULL;
}

static bool is_preflight(const struct head *h)
{
    return h->method == HTTP_OPTIONS && h->access_control_request_method.p != NULL;
}

void cors_begin(struct request *rq)
{
    bool preflight = is_preflight(&rq->head);
    const struct slice *origin;

    if (!applies(rq))
        return;
    answer_header(rq, "vary",
                  preflight ? SLICE_LIT("Origin, Access-Control-Request-Method, "
                                        "Access-Control-Request-Headers")
                            : SLICE_LIT("Origin"));
    origin = listed(rq);
    if (origin == NULL)
        return;
    answer_header(rq, "access-control-allow-origin", *origin);
    if (!preflight)
        answer_header(rq, "access-control-expose-headers",
                      SLICE_LIT("X-Correlation-ID, Retry-After"));
}

void cors_preflight(struct request *rq, struct slice methods)
{
    if (!is_preflight(&rq->head) || !applies(rq) || listed(rq) == NULL)
        return;
    answer_header(rq, "access-control-allow-methods", methods);
    answer_header(rq, "access-control-allow-headers",
                  SLICE_LIT("Content-Type, Idempotency-Key, X-Correlation-ID, X-Request-ID, "
                            "traceparent"));
    answer_header(rq, "access-control-max-age", SLICE_LIT("600"));
}

/* "http://" or "https://" and then the Host field's value, which is how browsers name our own pages. */
static bool is_own(const struct head *h)
{
    const struct slice schemes[] = {SLICE_LIT("http://"), SLICE_LIT("https://")};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct slice scheme = schemes[i], rest = h->origin;

        if (rest.n <= scheme.n || memcmp(rest.p, scheme.p, scheme.n) != 0)
            continue;
        rest.p += scheme.n;
        rest.n -= scheme.n;
        return slice_eq_nocase(rest, h->host);
    }
    return false;
}

bool request_origin_allowed(const struct request *rq)
{
    return rq->head.origin_count == 1 && (listed(rq) != NULL || is_own(&rq->head));
}
