/* SPDX-License-Identifier: MIT */
/*
 * A visitor in front of the whole path: Chromium, the real Caddy with the production Caddyfile, the server behind it
 * (tests/stack/lib/stack.h; a program has STACK_TESTS). The browser is where the host is: it comes in by the published port,
 * and reaches the metrics port, as an operator does by an SSH forward.
 *
 * Main thread only.
 */
#ifndef SIDELIGHT_TESTS_BROWSER_FRONT_H
#define SIDELIGHT_TESTS_BROWSER_FRONT_H

#include "tests/browser/lib/browser.h"
#include "tests/e2e/lib/page.h"
#include "tests/stack/lib/stack.h"

#define FRONT "http://localhost:8080" /* Caddy, for browsers a secure context */
#define STATUS_PAGE "http://" SCRAPE_SIDELIGHT_1 ":9091/"

struct front {
    struct fixture *f;
    struct stack *s;
    struct browser *b;
};

/* Settings of the server ("--set KEY=VALUE ..."), and of the browser; both may be NULL. */
struct front front_start(struct fixture *f, const char *sets, const struct browser_options *opt);

/* The server's page of metrics: text, or OpenMetrics, which has the exemplars. */
const char *front_metrics(struct front *v, bool openmetrics);
double front_metric(struct front *v, const char *series);
/* Waits until it has this value. */
#define assert_front_metric(v, series, want) \
    assert_front_metric_(v, series, want, __FILE__, __LINE__)
void assert_front_metric_(
    struct front *v, const char *series, double want, const char *file, int line);

#endif
