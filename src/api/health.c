/* SPDX-License-Identifier: MIT */
/*
 * The four health routes: what the store's probe saw last, never a query of its own.
 *
 * GET /health is the route that load balancers and benchmarks ask most, so it is written by hand
 * into the request's memory.
 */
#include "api/api.h"

static void no_store(struct request *rq)
{
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
}

/* Seconds with three decimals. */
static char *fmt_uptime(char *dst, uint64_t ns)
{
    return fmt_ms(dst, ns / 1000); /* microseconds are to seconds as nanoseconds to milliseconds */
}

void health_get(struct request *rq, void *ctx)
{
    const struct api *api = ctx;
    const struct slice version = slice_str(api->version);
    char *text = request_alloc(rq, 192 + version.n), *p = text;
    struct store_health store;

    store_health(api->store, &store);
    p = fmt_slice(p, store.up ? SLICE_LIT("{\"status\":\"healthy\",\"uptime\":")
                              : SLICE_LIT("{\"status\":\"unhealthy\",\"uptime\":"));
    p = fmt_uptime(p, rq->start_ns - api->start_ns);
    p = fmt_slice(p, SLICE_LIT(",\"version\":\""));
    p = fmt_slice(p, version);
    p = fmt_slice(p, SLICE_LIT("\",\"dependencies\":[{\"name\":\"store\",\"status\":\""));
    p = fmt_slice(p, store.up ? SLICE_LIT("healthy\",\"latency_ms\":")
                              : SLICE_LIT("unhealthy\",\"latency_ms\":"));
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
