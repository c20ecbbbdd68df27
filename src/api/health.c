/* SPDX-License-Identifier: MIT */
/*
 * The four health routes: what the store's probe saw last, never a query of its own.
 *
 * GET /health is the route that load balancers and benchmarks ask most, so it is written by hand
 * into the request's memory.
 */
#include "api/health.h"

#include "api/api.h"

#include <stdlib.h>

static void no_store(struct request *rq)
{
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
}

/* Seconds with three decimals. */
static char *fmt_uptime(char *dst, uint64_t ns)
{
    return fmt_ms(dst, ns / 1000); /* microseconds are to seconds as nanoseconds to milliseconds */
}

/* What stands between the two numbers, by whether the store is up. */
struct health {
    struct buf middle[2];
};

struct health *health_new(const char *version)
{
    struct health *h = must_calloc(1, sizeof(*h));

    for (int up = 0; up < 2; up++)
        buf_addf(&h->middle[up],
                 ",\"version\":\"%s\",\"dependencies\":[{\"name\":\"store\","
                 "\"status\":\"%s\",\"latency_ms\":",
                 version, up ? "healthy" : "unhealthy");
    return h;
}

void health_free(struct health *h)
{
    if (h == NULL)
        return;
    for (int up = 0; up < 2; up++)
        buf_release(&h->middle[up]);
    free(h);
}

void health_get(struct request *rq, void *ctx)
{
    enum { AROUND = 40 }; /* the longer start, and the end */
    const struct api *api = ctx;
    const struct buf *middle;
    struct store_health store;
    char *text, *p;

    store_health(api->store, &store);
    middle = &api->health->middle[store.up];
    text = p = request_alloc(rq, AROUND + 2 * (FMT_U64 + 4) + middle->len);
    p = fmt_slice(p, store.up ? SLICE_LIT("{\"status\":\"healthy\",\"uptime\":")
                              : SLICE_LIT("{\"status\":\"unhealthy\",\"uptime\":"));
    p = fmt_uptime(p, rq->start_ns - api->start_ns);
    p = fmt_slice(p, (struct slice){middle->data, middle->len});
    p = fmt_ms(p, store.latency_ns);
    p = fmt_slice(p, SLICE_LIT("}]}"));
    no_store(rq);
    answer_borrowed(rq, store.up ? 200 : 503, "application/json",
                    (struct slice){text, (size_t)(p - text)});
}

void liveness_get(struct request *rq, UNUSED void *ctx)
{
    no_store(rq);
    answer_borrowed(rq, 200, "application/json", SLICE_LIT("{\"status\":\"alive\"}"));
}

void readiness_get(struct request *rq, void *ctx)
{
    struct api *api = ctx;
    struct store_health store;
    unsigned status = 503;
    struct slice text;

    store_health(api->store, &store);
    if (atomic_load_explicit(&api->draining, memory_order_relaxed)) {
        text = SLICE_LIT("{\"status\":\"not ready\",\"reason\":\"draining\"}");
    } else if (!store.up) {
        text = SLICE_LIT("{\"status\":\"not ready\",\"reason\":\"store\"}");
    } else {
        text = SLICE_LIT("{\"status\":\"ready\"}");
        status = 200;
    }
    no_store(rq);
    answer_borrowed(rq, status, "application/json", text);
}
