/* SPDX-License-Identifier: MIT */
/*
 * Private to api/: the three pages for visitors (home, contact form, thanks), which share a head, a
 * look and the form. Put together from src/web/ once, at the start.
 *
 * In a file there, {{>part}} stands for another file (head, css, js, form), and {{name}} for a value
 * of the request. A first line with the licence is left out.
 *
 * Threads: immutable, so any.
 */
#ifndef SIDELIGHT_API_SITE_H
#define SIDELIGHT_API_SITE_H

#include "api/api.h"
#include "api/page.h"

enum site_page { SITE_HOME, SITE_CONTACT, SITE_THANKS, SITE_PAGES };

/* Values of SITE_HOME in this order; SITE_CONTACT takes the first two, SITE_THANKS none. */
enum site_value {
    SITE_MAX_MESSAGE, /* contact.max_message */
    SITE_KEY,         /* a new idempotency key */
    SITE_CORRELATION_ID,
    SITE_SERVICE,
    SITE_VIEWS, /* in all */
    SITE_TODAY, /* visitors */
    SITE_VALUES
};

struct site *site_new(void);
void site_free(struct site *s); /* NULL is fine */

/*
 * Answers 200 with the page, its policy, and Cache-Control: no-store. `values` has as many as the
 * page takes, but SITE_MAX_MESSAGE and SITE_KEY, which are filled in here.
 *
 * The policy (Content-Security-Policy) lets a page load nothing but its own style, by hash; post
 * only to this server and to the origin of contact.redirect, which browsers check, too; and the home
 * page run its script and /metrics.js, and report to this server.
 */
void site_answer(struct request *rq,
                 const struct site *s,
                 enum site_page page,
                 struct page_value values[SITE_VALUES]);

#endif
