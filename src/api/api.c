/* SPDX-License-Identifier: MIT */
/* What the endpoints keep for the life of the process. */
#include "api/assets.h"
#include "api/contact.h"
#include "api/drills.h"
#include "api/health.h"
#include "api/metrics_page.h"
#include "api/rum.h"
#include "api/site.h"
#include "api/status.h"
#include "api/visits.h"
#include "http/json.h"

#include <sodium.h>

void api_init(struct api *api)
{
    MUST(sodium_init() >= 0);
    json_init();
    api->contact = contact_metrics_new(api->registry, api->service);
    api->ops = api_ops_new(api->registry);
    api->assets = assets_new();
    api->rum = rum_new(api);
    api->site = site_new();
    api->visits = visits_new(api);
    api->status = status_new(api);
    api->drills = drills_new(api->registry);
    api->health = health_new(api->version);
}

void api_tick(struct api *api, uint64_t now_ms, uint64_t now_ns)
{
    status_tick(api->status, now_ns);
    visits_tick(api->visits, now_ms, now_ns);
}

void api_flush(struct api *api)
{
    visits_flush(api->visits);
}

void api_release(struct api *api)
{
    health_free(api->health);
    drills_free(api->drills);
    status_free(api->status);
    visits_free(api->visits);
    site_free(api->site);
    rum_free(api->rum);
    assets_free(api->assets);
    contact_metrics_free(api->contact);
    api_ops_free(api->ops);
    api->contact = NULL;
    api->ops = NULL;
    api->assets = NULL;
    api->rum = NULL;
    api->visits = NULL;
    api->site = NULL;
    api->status = NULL;
    api->drills = NULL;
    api->health = NULL;
}

void api_prepare(struct api *api, const struct api_live *live)
{
    rum_prepare(api->rum, live);
}
