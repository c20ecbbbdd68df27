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
    struct rate rum_rate;           /* requests with reports, of one client */
    const struct slice *rum_pages;  /* templates of pages; the label of any other is "other" */
    size_t n_rum_pages;
    bool rum_public_read; /* GET /api/metrics on the public port */
    bool drills_enabled;
    const struct ip_net *drills_allow; /* whose clients may use the drills */
    size_t n_drills_allow;
};

struct contact_metrics; /* contact.c's handles */
struct api_ops;         /* metrics_page.c's handles and guard against overlapping scrapes */
struct assets;          /* assets.c: files sent as they are, compressed once */
struct rum;             /* rum.c: what browsers reported */
struct site;            /* site.c: the pages for visitors */
struct visits;          /* visits.c: page views and visitors */
struct status;          /* status.c: this process's recent past */
struct recent;          /* http/recent.h */
struct drills;          /* drills.c: dice, and how many wait */
struct health;          /* health.c: texts rendered once */

/* One for the process; shared by all loops, so everything in it is immutable or atomic. */
struct api {
    struct store *store;
    struct registry *registry;
    struct rate_table *clients; /* submissions per client */
    struct rate_table *senders; /* browser metrics per client: they must not use up the above */
    struct rate_bucket all;     /* submissions of everybody */
    struct contact_metrics *contact;
    struct api_ops *ops;
    struct assets *assets;
    struct rum *rum;
    struct site *site;
    struct visits *visits;
    struct status *status;
    struct recent *recent; /* the public port's last errors; NULL: none are kept */
    struct drills *drills;
    struct health *health;
    size_t rum_keep;     /* rum.keep */
    struct shard *shard; /* the main thread's, for gauges that are set when a page is rendered */
    const char *version;
    struct slice service;   /* the label */
    uint64_t start_ns;      /* monotonic start of the process */
    uint64_t start_unix_ns; /* Process-Start-Time-Unix */
    _Atomic bool draining;  /* readiness is 503 */
};

void api_init(struct api *api); /* resolves handles; all but those handles must be set */
void api_release(struct api *api);
/*
 * Makes the series that the configuration names, so that they are there before the first event; at
 * the start and after each reload. Any thread.
 */
void api_prepare(struct api *api, const struct api_live *live);
/*
 * What the endpoints do as time goes by; about once a second. `now_ms` is Unix time, `now_ns`
 * monotonic. Ops thread only.
 */
void api_tick(struct api *api, uint64_t now_ms, uint64_t now_ns);
/* At a stop, before the store is closed: hands over what it has not. Fine without api_init, too. */
void api_flush(struct api *api);

/*
 * For a drain that began at `drain_ns` (monotonic): scrapers, by address, that got a page in the
 * minute before, and no complete one since. Ops thread only.
 */
unsigned api_scrapers_waiting(const struct api *api, uint64_t drain_ns);

handler_fn home_get, health_get, liveness_get, readiness_get;
handler_fn contact_form_get, contact_thanks_get, contact_post, contact_too_large;
handler_fn metrics_js_get, rum_post, rum_get, rum_too_large;
handler_fn echo_post, error_get, users_get;
handler_fn metrics_get, status_get, status_json_get;
open_fn rum_open, drills_open;

extern const struct route public_routes[];
extern const size_t n_public_routes;
extern const struct route ops_routes[];
extern const size_t n_ops_routes;

#endif
