/* SPDX-License-Identifier: MIT */
/* The table of routes, compiled into an open-addressing hash of paths that is at most half full. */
#include "http/router.h"

#include <stdlib.h>

struct router {
    struct endpoint *endpoints; /* the unmatched one is the last */
    size_t n;
    uint32_t *slots; /* index + 1 of an endpoint; 0: empty */
    size_t mask;
};

const char *slo_name(enum slo slo)
{
    static const char *const names[SLOS] = {"availability", "latency", "contact"};

    return names[slo];
}

/* FNV-1a: paths of our own table are looked up, so nobody gains from collisions. */
static uint32_t hash(struct slice s)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

static uint32_t *slot_of(const struct router *r, struct slice path)
{
    size_t i = hash(path) & r->mask;

    while (r->slots[i] != 0 && !slice_eq(slice_str(r->endpoints[r->slots[i] - 1].path), path))
        i = (i + 1) & r->mask;
    return &r->slots[i];
}

static void add_route(struct router *r, const struct route *route)
{
    uint32_t *slot = slot_of(r, slice_str(route->path));
    struct endpoint *e;

    if (*slot == 0) {
        r->endpoints[r->n] = (struct endpoint){.path = route->path, .label = route->path};
        *slot = (uint32_t)++r->n;
    }
    e = &r->endpoints[*slot - 1];
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
    uint32_t slot = *slot_of(r, path);

    return slot != 0 ? &r->endpoints[slot - 1] : NULL;
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
