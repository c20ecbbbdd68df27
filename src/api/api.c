/* SPDX-License-Identifier: MIT */
/* What the endpoints keep for the life of the process. */
#include "api/contact.h"
#include "api/metrics_page.h"

#include <sodium.h>

void api_init(struct api *api)
{
    MUST(sodium_init() >= 0);
    api->contact = contact_metrics_new(api->registry, api->service);
    api->ops = api_ops_new(api->registry);
}

void api_release(struct api *api)
{
    contact_metrics_free(api->contact);
    api->contact = NULL;
    api_ops_free(api->ops);
    api->ops = NULL;
}
