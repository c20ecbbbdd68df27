/* SPDX-License-Identifier: MIT */
/* From settings to what the request path reads. Handing them to the loops is app's. */
#include "config/live.h"

#include <stdatomic.h>
#include <stdlib.h>

static struct slice *slices_of(const struct config_strings *list)
{
    struct slice *slices = must_calloc(list->n > 0 ? list->n : 1, sizeof(*slices));

    for (size_t i = 0; i < list->n; i++)
        slices[i] = slice_str(list->items[i]);
    return slices;
}

static void fill_client_ip_header(struct settings *s)
{
    size_t n = strlen(s->config.client_ip_header);

    s->client_ip_header = must_calloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        char c = s->config.client_ip_header[i];

        s->client_ip_header[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
}

struct settings *settings_new(struct config *c)
{
    struct settings *s = must_calloc(1, sizeof(*s));
    const struct config *own = &s->config;

    s->config = *c;
    memset(c, 0, sizeof(*c));
    s->hosts = slices_of(&own->hosts);
    s->origins = slices_of(&own->cors_origins);
    s->pages = slices_of(&own->rum_pages);
    fill_client_ip_header(s);
    s->http = (struct http_live){
        .hosts = s->hosts,
        .n_hosts = own->hosts.n,
        .trusted = own->trusted_proxies.items,
        .n_trusted = own->trusted_proxies.n,
        .client_ip_header = slice_str(s->client_ip_header),
        .origins = s->origins,
        .n_origins = own->cors_origins.n,
        .metrics_allow = own->metrics_allow.items,
        .n_metrics_allow = own->metrics_allow.n,
        .latency_threshold_ns = own->slo_latency_threshold,
        .log_client_ip = own->log_client_ip,
        .app = &s->api,
    };
    s->api = (struct api_live){
        .contact_max_message = (uint32_t)own->contact_max_message,
        .contact_redirect = slice_str(own->contact_redirect),
        .contact_rate = own->contact_rate,
        .contact_rate_total = own->contact_rate_total,
        .rum_rate = own->rum_rate,
        .rum_pages = s->pages,
        .n_rum_pages = own->rum_pages.n,
        .rum_public_read = own->rum_public_read,
        .drills_enabled = own->drills_enabled,
        .drills_allow = own->drills_allow.items,
        .n_drills_allow = own->drills_allow.n,
    };
    atomic_store_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

struct settings *settings_ref(struct settings *s)
{
    MUST(atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed) > 0);
    return s;
}

void settings_unref(struct settings *s)
{
    if (s == NULL)
        return;
    size_t before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    MUST(before > 0);
    if (before > 1)
        return;
    config_release(&s->config);
    free(s->hosts);
    free(s->origins);
    free(s->pages);
    free(s->client_ip_header);
    free(s);
}
