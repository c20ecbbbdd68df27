/* SPDX-License-Identifier: MIT */
/* The request path without sockets: head, guard, router, log line, and the whole beginning and end of a request. */
#include "api/api.h"
#include "base/clock.h"
#include "base/log_ring.h"
#include "bench/parts/parts.h"
#include "http/guard.h"
#include "http/service.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CALLS = 2000, LINES = 200, ROUTES_MAX = 1000, PATH = 24 };

#define SMALL \
    "GET /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: wrk/4.1\r\nAccept: */*\r\n\r\n"
#define BROWSER                                                                                              \
    "GET /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n" \
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Google Chrome\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"           \
    "sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n"              \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "                    \
    "Chrome/130.0.0.0 Safari/537.36\r\n"                                                                     \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"                   \
    "image/apng,*/*;q=0.8\r\n"                                                                               \
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"                      \
    "Sec-Fetch-Dest: document\r\nReferer: https://shop.example/contact\r\n"                                  \
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\r\n"

/* ---- head and guard ---- */

struct guarded {
    struct slice raw;
    struct http_live live;
};

static void guard(void *ctx, unsigned n)
{
    const struct guarded *g = ctx;
    struct head head;

    REPEAT(i, n)
    {
        head_scan(g->raw, g->live.client_ip_header, &head);
        MUST(head.refusal == REFUSED_NOT && guard_host(&g->live, head.name));
    }
}

static void parts_guard(void)
{
    static const struct slice hosts[] = {
        {"shop.example", 12},
        {"127.0.0.1",    9 }
    };
    struct guarded g = {
        SLICE_LIT(SMALL),
        {.hosts = hosts, .n_hosts = 2, .client_ip_header = SLICE_LIT("x-real-ip")}
    };

    part("head and guard, 3 fields", guard, &g, CALLS, 1);
    g.raw = SLICE_LIT(BROWSER);
    part("head and guard, a browser's 16 fields", guard, &g, CALLS, 1);
}

/* ---- router ---- */

struct table {
    struct router *router;
    size_t n;
    struct route rows[ROUTES_MAX];
    char paths[ROUTES_MAX][PATH];
};

static void route(void *ctx, unsigned n)
{
    const struct table *t = ctx;

    REPEAT(i, n)
    USED(router_find(t->router, (struct slice){t->paths[i % t->n], 15}));
}

static void miss(void *ctx, unsigned n)
{
    const struct table *t = ctx;

    REPEAT(i, n)
    USED(router_find(t->router, SLICE_LIT("/wp-login.php")));
}

static struct table *table_new(size_t n)
{
    struct table *t = must_calloc(1, sizeof(*t));

    t->n = n;
    for (size_t i = 0; i < n; i++) {
        /* From 1000 on, so that all are as long. */
        (void)fmt_u64((char *)memcpy(t->paths[i], "/api/things", 11) + 11, 1000 + i);
        t->rows[i] = (struct route){.method = HTTP_GET, .path = t->paths[i], .statuses = "200"};
    }
    t->router = router_new(t->rows, n);
    return t;
}

static void parts_router(void)
{
    struct table *few = table_new(10), *many = table_new(ROUTES_MAX);

    part("router, 10 routes", route, few, CALLS, 1);
    part("router, 1,000 routes", route, many, CALLS, 1);
    part("router, no such path of 1,000", miss, many, CALLS, 1);
    router_free(few->router);
    router_free(many->router);
    free(few);
    free(many);
}

/* ---- a request ---- */

struct asked {
    struct slice raw;
    struct service service;
    struct http_live live;
    struct loop loop;
    struct log_waker waker;
    struct log_ring *ring; /* for `line` */
    struct request rq;
};

static void begin(void *ctx, unsigned n)
{
    struct asked *a = ctx;

    REPEAT(i, n)
    request_begin(&a->rq, a->raw);
}

static void end(void *ctx, unsigned n)
{
    struct asked *a = ctx;

    REPEAT(i, n)
    finish(&a->rq, true, 120);
}

static void line(void *ctx, unsigned n)
{
    struct asked *a = ctx;

    REPEAT(i, n)
    access_log(a->ring, &a->rq, 200, 123456, 120);
    /* Room for the next; a few instructions among those of 200 lines. */
    log_ring_skip(a->ring, log_ring_peek(a->ring).n, 0);
}

static void parts_request(void)
{
    struct asked a = {
        .raw = SLICE_LIT(SMALL),
        .live = {.latency_threshold_ns = 300 * NS_PER_MS,
                 .client_ip_header = SLICE_LIT("x-real-ip")                          },
        .waker = { LOG_AWAKE,                              eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}
    };
    struct registry *registry =
        registry_new(metric_table, METRIC_FAMILIES, &(struct registry_options){1, 5000});
    struct http_metrics *metrics = http_metrics_new(registry);

    service_init(&a.service, public_routes, n_public_routes, NULL, metrics);
    a.loop =
        (struct loop){.service = &a.service, .shard = registry_shard(registry, 0), .live = &a.live};
    id_source_init(&a.loop.ids);
    a.rq = (struct request){.loop = &a.loop, .peer_text = SLICE_LIT("192.0.2.7")};
    MUST(ip_parse(a.rq.peer_text, &a.rq.peer));
    MUST(log_ring_open(&a.waker, &a.ring, NULL));
    part("begin: clock, head, ID, client", begin, &a, CALLS, 1);
    a.rq.status = 200;
    a.rq.endpoint = router_find(a.service.router, SLICE_LIT("/health"));
    a.rq.route = a.rq.endpoint->by_method[HTTP_GET];
    part("end: every metric, without the log line", end, &a, CALLS, 1);
    part("a log line", line, &a, LINES, 1);
    a.rq.head.user_agent =
        SLICE_LIT("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
                  "Gecko) Chrome/130.0.0.0 Safari/537.36");
    part("a log line, a browser's User-Agent", line, &a, LINES, 1);
    log_ring_close(a.ring);
    (void)close(a.waker.fd);
    service_release(&a.service);
    http_metrics_free(metrics);
    registry_free(registry);
}

void parts_http(void)
{
    parts_guard();
    parts_router();
    parts_request();
}
