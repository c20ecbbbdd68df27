/* SPDX-License-Identifier: MIT */
/*
 * Routes as a table, compiled once into a hash by exact path. A row says everything about an
 * endpoint: what it answers, which label it counts under, and which SLOs it belongs to.
 *
 * GET rows answer HEAD too; OPTIONS is answered for every known path; a known path with another
 * method is 405 with Allow; an unknown path is 404 and counts under "unmatched". Paths are matched
 * as sent, byte for byte: nothing is decoded.
 */
#ifndef SIDELIGHT_HTTP_ROUTER_H
#define SIDELIGHT_HTTP_ROUTER_H

#include "http/request.h"

typedef void handler_fn(struct request *rq, void *ctx);

enum slo { SLO_AVAILABILITY, SLO_LATENCY, SLO_CONTACT, SLOS };
enum {
    IN_NONE = 0,
    IN_AVAILABILITY = 1u << SLO_AVAILABILITY,
    IN_LATENCY = 1u << SLO_LATENCY,
    IN_CONTACT = 1u << SLO_CONTACT,
};
const char *slo_name(enum slo slo);

struct route {
    enum http_method method;
    const char *path;
    handler_fn *handler;
    /*
     * what it may answer, "200 503"; 500, 503 and 499 are implied; these series exist from the
     * start
     */
    const char *statuses;
    unsigned slos;         /* IN_* */
    const char *endpoint;  /* the label; NULL: the path itself. Aliases name the first path. */
    handler_fn *too_large; /* NULL, or counts a body over limits.body; must not answer */
};

/* One path: its label, what Allow says, and its routes by method. */
struct endpoint {
    const char *path, *label;
    char allow[64];
    const struct route *by_method[HTTP_METHODS]; /* HEAD and GET share one */
    struct endpoint_metrics *metrics; /* handles.c's; NULL when the service does not count */
};

struct router;
/* `routes` is static. Ends the process on a duplicate row. */
struct router *router_new(const struct route *routes, size_t n);
void router_free(struct router *r);
/* NULL: no such path. */
struct endpoint *router_find(const struct router *r, struct slice path);
struct endpoint *router_unmatched(const struct router *r);
/* All endpoints, the unmatched one last. */
size_t router_endpoints(const struct router *r);
struct endpoint *router_endpoint(const struct router *r, size_t i);

#endif
