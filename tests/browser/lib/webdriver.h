/* SPDX-License-Identifier: MIT */
/*
 * W3C WebDriver (https://www.w3.org/TR/webdriver2/), spoken to Debian's chromedriver: JSON over HTTP, by libcurl. What a
 * browser is told and asked is browser.h's.
 *
 * Main thread only. Links -lcurl -lcjson.
 */
#ifndef SIDELIGHT_TESTS_BROWSER_WEBDRIVER_H
#define SIDELIGHT_TESTS_BROWSER_WEBDRIVER_H

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"

struct webdriver {
    struct fixture *f;
    pid_t pid; /* of chromedriver */
    unsigned port;
    const char *session;      /* its path: "/session/ID" */
    const char *capabilities; /* what the browser says of itself, as JSON */
    const char *log;          /* chromedriver's and the browser's */
};

/* Why there can be no browser here, or NULL. */
const char *webdriver_missing(struct fixture *f);

/* Starts chromedriver on a free port and opens a session with these capabilities (JSON: the object "alwaysMatch"). Both end
 * with the test, and with them the browser. */
struct webdriver *webdriver_start(struct fixture *f, const char *capabilities);

/* One command of the session: `path` is what follows "/session/ID", `body` JSON or NULL. Gives the "value" of the answer as
 * json_text does; an error of WebDriver's fails the test. */
const char *webdriver_get(struct webdriver *w, const char *path);
const char *webdriver_post(struct webdriver *w, const char *path, const char *body);

/* `s` as JSON writes it, with its quotes. */
const char *json_quote(struct fixture *f, const char *s);

#endif
