/* SPDX-License-Identifier: MIT */
/*
 * The list of endpoints and what they need. Handlers are plain functions over struct request; `ctx`
 * is a struct api. routes.c holds the tables.
 */
#ifndef SIDELIGHT_API_API_H
#define SIDELIGHT_API_API_H

#include "base/rate.h"
#include "http/router.h"
#include "metrics/registry.h"
#include "store/store.h"

enum { CONTACT_MESSAGE_CEILING = 10000 }; /* contact.max_message may be lower, never higher */

/* Live: request_app_live() gives a struct api_live. */
struct api_live {
    uint32_t contact_max_message;   /* characters */
    struct slice contact_redirect;  /* where a browser's form goes after a submission */
    struct rate contact_rate;       /* per client */
    struct rate contact_rate_total; /* all clients together */
};

struct contact_metrics; /* contact.c's handles */
struct api_ops;         /* metrics_page.c's handles and guard against overlapping scrapes */

/* One for the process; shared by all loops, so everything in it is immutable or atomic. */
struct api {
    struct store *store;
    struct registry *registry;
    struct rate_table *clients; /* submissions per client */
    struct rate_bucket all;     /* submissions of everybody */
    struct contact_metrics *contact;
    struct api_ops *ops;
    const char *version;
    struct slice service;   /* the label */
    uint64_t start_ns;      /* monotonic start of the process */
    uint64_t start_unix_ns; /* Process-Start-Time-Unix */
    _Atomic bool draining;  /* readiness is 503 */
};

void api_init(struct api *api); /* resolves handles; `registry`, `service` must be set */
void api_release(struct api *api);

/*
 * For a drain that began at `drain_ns` (monotonic): scrapers, by address, that got a page in the
 * minute before, and no complete one since. Ops thread only.
 */
unsigned api_scrapers_waiting(const struct api *api, uint64_t drain_ns);

handler_fn root_get, health_get, liveness_get, readiness_get;
handler_fn contact_form_get, contact_thanks_get, contact_post, contact_too_large;
handler_fn metrics_get;

extern const struct route public_routes[];
extern const size_t n_public_routes;
extern const struct route ops_routes[];
extern const size_t n_ops_routes;

#endif
