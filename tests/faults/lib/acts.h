/* SPDX-License-Identifier: MIT */
/* What a server does, one thing each, while something fails it: every act returns when it is done or the server has ended. */
#ifndef SIDELIGHT_TESTS_FAULTS_ACTS_H
#define SIDELIGHT_TESTS_FAULTS_ACTS_H

#include "tests/e2e/lib/server.h"
#include "tests/faults/lib/books.h"

struct stage {
    struct server *s;
    struct books *books;
    const char *doing; /* for messages */
};

typedef void act_fn(struct stage *g);

/* Requests. An answer is the good one, an error of the server, or none: anything else fails the test. */
act_fn act_health, act_home, act_json, act_form, act_browser_metrics;
act_fn act_burst; /* messages on several connections, some waiting on each */
/* Of the metrics port. */
act_fn act_scrape, act_scrape_gzip, act_pages;
act_fn act_reload, act_stop;
/* No server runs before. A first start makes the store; the one before, and its books, are thrown away. */
act_fn act_start, act_first_start;

/* True when it takes messages, perhaps after a while; false when it has ended. */
bool serves(struct stage *g);

#endif
