/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics, private to api/: its handles, the bound on pages under way, and who scraped lately.
 * Ops thread only.
 */
#ifndef SIDELIGHT_API_METRICS_PAGE_H
#define SIDELIGHT_API_METRICS_PAGE_H

#include "api/api.h"

enum {
    PAGES_MAX = 8,       /* pages rendered, but not sent yet; one more is 503 with Retry-After */
    SCRAPERS_MAX = 16,   /* addresses remembered; the one that came longest ago is forgotten */
    PAGE_GZIP_MIN = 1024 /* bytes; compressing less is not worth a header */
};

struct api_ops *api_ops_new(struct registry *r);
void api_ops_free(struct api_ops *ops); /* NULL is fine */

#endif
