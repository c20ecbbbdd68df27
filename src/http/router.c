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

static void write_allow(struct endpoint *e)
{
    size_t n = 0;

    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        const char *name = http_method_name((enum http_method)m);
        size_t len = strlen(name);

        if (m != HTTP_OPTIONS && e->by_method[m] == NULL)
            continue;
        MUST(n + len + 3 <= sizeof(e->allow));
        if (n > 0) {
            memcpy(e->allow + n, ", ", 2);
            n += 2;
        }
        memcpy(e->allow + n, name, len);
        n += len;
    }
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
    for (size_t i = 0; i < r->n; i++)
        write_allow(&r->endpoints[i]);
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
