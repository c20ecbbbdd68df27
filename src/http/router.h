/* SPDX-License-Identifier: MIT */
/*
 * Routes as a table, compiled once into a hash by exact path. A row says everything about an
 * endpoint: what it answers, which label it counts under, and which SLOs it belongs to.
 *
 * GET rows answer HEAD too; OPTIONS is answered for every known path; a known path with another
 * method is 405 with Allow; an unknown path is 404 and counts under "unmatched". Paths are matched
 * as sent, byte for byte: nothing is decoded.
 *
 * A row may have a gate. While it is closed for a request, the row is not there for it: its method
 * is 404 as if the path were unknown, Allow does not name it, and a path of which all rows are
 * closed is unknown to every method.
 */
#ifndef SIDELIGHT_HTTP_ROUTER_H
#define SIDELIGHT_HTTP_ROUTER_H

#include "http/request.h"

typedef void handler_fn(struct request *rq, void *ctx);
/*
 * Whether a row is there for this request: a pure function of the request's configuration and
 * client. It is asked about refused requests too, of which nothing else may be known.
 */
typedef bool open_fn(const struct request *rq, void *ctx);

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
    open_fn *open;         /* the gate; NULL: always open */
};

/* One path: its label, and its routes by method. */
struct endpoint {
    const char *path, *label;
    const struct route *by_method[HTTP_METHODS]; /* HEAD and GET share one */
    struct endpoint_metrics *metrics; /* handles.c's; NULL when the service does not count */
    struct log_pieces *log;           /* access_log.c's; NULL: the path is not fixed */
};

struct router;
/* `routes` is static. Ends the process on a duplicate row. */
struct router *router_new(const struct route *routes, size_t n);
void router_free(struct router *r);
/* NULL: no such path. */
struct endpoint *router_find(const struct router *r, struct slice path);
struct endpoint *router_unmatched(const struct router *r);
/* `ctx` is the service's, for the gates. */
bool route_open(const struct route *route, const struct request *rq, void *ctx);
/*
 * Whether the path is there for the request: by the route of its method, or if that has none, by
 * any of its routes. `rq` has a known method.
 */
bool endpoint_open(const struct endpoint *e, const struct request *rq, void *ctx);
/* What Allow says: "GET, HEAD, OPTIONS"; written to `ret`, which holds ENDPOINT_ALLOW_MAX bytes. */
enum { ENDPOINT_ALLOW_MAX = 64 };
struct slice endpoint_allow(const struct endpoint *e,
                            const struct request *rq,
                            void *ctx,
                            char *ret);
/* All endpoints, the unmatched one last. */
size_t router_endpoints(const struct router *r);
struct endpoint *router_endpoint(const struct router *r, size_t i);

#endif
