/* SPDX-License-Identifier: MIT */
/* Somebody's web site (site.py): pages that a test writes, and what browsers report to it. Main thread only. */
#ifndef SIDELIGHT_TESTS_BROWSER_SITE_H
#define SIDELIGHT_TESTS_BROWSER_SITE_H

#include "tests/e2e/lib/json.h"

#include <sys/types.h>

struct site {
    struct fixture *f;
    const char *dir;
    pid_t pid;
    unsigned port;
};

/* Starts it on 127.0.0.1 and waits until it listens; port 0 takes a free one. Ends with the test. */
struct site *site_start(struct fixture *f, unsigned port);
/* A page by this name ("" is the site's first), and its further header lines, or NULL. Its head and body are `html`. */
void site_page(struct site *s, const char *name, const char *html, const char *headers);
/* "http://HOST:PORT/NAME" */
const char *site_url(struct site *s, const char *host, const char *name);

/* What was posted to it: how often, and one of them (from 0), waited for: {"path","headers":{..},"body"}. */
size_t site_reports(struct site *s);
const char *site_report(struct site *s, size_t i);
/* Its body. */
const char *site_body(struct site *s, size_t i);

#define CLIENT_TAG "<script src=\"/metrics.js\" defer></script>"

#endif
