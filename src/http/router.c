/* SPDX-License-Identifier: MIT */
/* The table of routes, compiled into an open-addressing hash of paths that is at most half full. */
#include "http/router.h"

#include <stdlib.h>

struct slot {
    uint32_t hash, index; /* index + 1 of an endpoint; 0: empty */
    struct slice path;
};

struct router {
    struct endpoint *endpoints; /* the unmatched one is the last */
    size_t n;
    struct slot *slots;
    size_t mask;
};

const char *slo_name(enum slo slo)
{
    static const char *const names[SLOS] = {"availability", "latency", "contact"};

    return names[slo];
}

/*
 * Eight bytes at once, the last eight overlapping what came before: to look /health up took 110
 * instructions byte by byte and takes 57. Paths of our own table are looked up, so nobody gains
 * from collisions. A product's bits depend on lower ones only, so they are folded down and
 * multiplied once more: without, paths that differ in their last digits shared slots, and to look
 * one of 1,000 up took 745 instructions on average.
 */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * GOLDEN;
    return h ^ h >> 32;
}

static uint64_t word_at(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t hash(struct slice s)
{
    uint64_t h = s.n, word = 0;

    if (s.n >= 8) {
        for (size_t i = 0; i + 8 < s.n; i += 8)
            h = mix(h, word_at(s.p + i));
        word = word_at(s.p + s.n - 8);
    } else if (s.n >= 4) {
        memcpy(&word, s.p, 4);
        h = mix(h, word);
        memcpy(&word, s.p + s.n - 4, 4);
    } else {
        for (size_t i = 0; i < s.n; i++)
            word = word << 8 | (unsigned char)s.p[i];
    }
    return (uint32_t)(mix(h, word) * GOLDEN >> 32);
}

static struct slot *slot_of(const struct router *r, struct slice path, uint32_t h)
{
    size_t i = h & r->mask;

    while (r->slots[i].index != 0 && (r->slots[i].hash != h || !slice_eq(r->slots[i].path, path)))
        i = (i + 1) & r->mask;
    return &r->slots[i];
}

static void add_route(struct router *r, const struct route *route)
{
    struct slice path = slice_str(route->path);
    uint32_t h = hash(path);
    struct slot *slot = slot_of(r, path, h);
    struct endpoint *e;

    if (slot->index == 0) {
        r->endpoints[r->n] = (struct endpoint){.path = route->path, .label = route->path};
        *slot = (struct slot){h, (uint32_t)++r->n, path};
    }
    e = &r->endpoints[slot->index - 1];
    if (route->endpoint != NULL)
        e->label = route->endpoint;
    MUST(route->method < HTTP_METHODS && e->by_method[route->method] == NULL);
    e->by_method[route->method] = route;
    if (route->method == HTTP_GET)
        e->by_method[HTTP_HEAD] = route;
}

bool route_open(const struct route *route, const struct request *rq, void *ctx)
{
    return route->open == NULL || route->open(rq, ctx);
}

static bool method_open(const struct endpoint *e, unsigned m, const struct request *rq, void *ctx)
{
    return e->by_method[m] != NULL && route_open(e->by_method[m], rq, ctx);
}

bool endpoint_open(const struct endpoint *e, const struct request *rq, void *ctx)
{
    const struct route *route = e->by_method[rq->head.method];

    if (route != NULL)
        return route_open(route, rq, ctx);
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        if (method_open(e, m, rq, ctx))
            return true;
    return false;
}

struct slice endpoint_allow(const struct endpoint *e,
                            const struct request *rq,
                            void *ctx,
                            char *ret)
{
    char *p = ret;

    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        struct slice name = slice_str(http_method_name((enum http_method)m));

        if (m != HTTP_OPTIONS && !method_open(e, m, rq, ctx))
            continue;
        MUST((size_t)(p - ret) + name.n + 2 <= ENDPOINT_ALLOW_MAX);
        if (p != ret)
            p = fmt_slice(p, SLICE_LIT(", "));
        p = fmt_slice(p, name);
    }
    return (struct slice){ret, (size_t)(p - ret)};
}

struct router *router_new(const struct route *routes, size_t n)
{
    struct router *r = must_calloc(1, sizeof(*r));
    size_t slots = 8;

    while (slots < 2 * n)
        slots *= 2;
    r->mask = slots - 1;
    r->slots = must_calloc(slots, sizeof(*r->slots));
    r->endpoints = must_calloc(n + 1, sizeof(*r->endpoints));
    for (size_t i = 0; i < n; i++)
        add_route(r, &routes[i]);
    r->endpoints[r->n] = (struct endpoint){.path = "", .label = "unmatched"};
    return r;
}

void router_free(struct router *r)
{
    if (r == NULL)
        return;
    free(r->endpoints);
    free(r->slots);
    free(r);
}

struct endpoint *router_find(const struct router *r, struct slice path)
{
    uint32_t index = slot_of(r, path, hash(path))->index;

    return index != 0 ? &r->endpoints[index - 1] : NULL;
}

struct endpoint *router_unmatched(const struct router *r)
{
    return &r->endpoints[r->n];
}

size_t router_endpoints(const struct router *r)
{
    return r->n + 1;
}

struct endpoint *router_endpoint(const struct router *r, size_t i)
{
    MUST(i <= r->n);
    return &r->endpoints[i];
}
