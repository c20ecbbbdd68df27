/* SPDX-License-Identifier: MIT */
/*
 * The two forms of the view: HTML for people, JSON for the page's own script and for programs. Pure
 * but for the buffer they append to.
 */
#ifndef SIDELIGHT_API_STATUS_PAGE_H
#define SIDELIGHT_API_STATUS_PAGE_H

#include "api/status_view.h"

enum {
    STATUS_PAGE_ROWS = 12,   /* endpoints on the page, the busiest; all are in the JSON */
    STATUS_PAGE_MAX = 30000, /* bytes the page stays under */
    STATUS_JSON_MAX = 65536, /* bytes the JSON stays under */
    STATUS_POLICY_MAX = 320, /* bytes of the Content-Security-Policy */
};

void status_json_write(const struct status_view *v, struct buf *b);

/* src/web/status.html, split, and its policy with the hashes of its style and script. */
struct status_page;
struct status_page *status_page_new(void);
void status_page_free(struct status_page *p); /* NULL is fine */
struct slice status_page_policy(const struct status_page *p);
/* The table of endpoints is about `span`; the script can change that. */
void status_page_write(const struct status_page *p,
                       const struct status_view *v,
                       enum status_span span,
                       struct buf *b);

#endif
