/* SPDX-License-Identifier: MIT */
/*
 * A visitor: a headless Chromium with a profile of its own, told what people do. WebDriver's words are in webdriver.h.
 *
 * Where chromium or chromedriver is missing, browser_start skips its test and says so.
 *
 * Main thread only.
 */
#ifndef SIDELIGHT_TESTS_BROWSER_BROWSER_H
#define SIDELIGHT_TESTS_BROWSER_BROWSER_H

#include "tests/browser/lib/webdriver.h"

struct browser_options {
    bool no_javascript;     /* forbidden for every site, as in the browser's settings */
    bool dark;              /* prefers-color-scheme */
    unsigned width, height; /* of the page, CSS pixels; 0: 1280 x 800 */
    bool phone; /* as a phone shows it: touch, two pixels for one, the page's viewport obeyed */
};

struct browser {
    struct fixture *f;
    struct webdriver *w;
};

/* `opt` may be NULL. */
struct browser *browser_start(struct fixture *f, const struct browser_options *opt);

/* From now on; `no_javascript` is not looked at. */
void browser_screen(struct browser *b, const struct browser_options *opt);

/* Goes there and waits until it is loaded. To leave a page is to go to "about:blank". */
void browser_go(struct browser *b, const char *url);
void browser_reload(struct browser *b);
const char *browser_url(struct browser *b);

/* What the script returns ("return 1 + 1"), as json_text gives it: "null" for nothing. */
const char *browser_run(struct browser *b, const char *script);
/* The same for a script that ends by calling `done(value)`. */
const char *browser_run_later(struct browser *b, const char *script);
/* Waits until the expression is true. */
void browser_wait(struct browser *b, const char *expression);

/* The first element that a CSS selector finds; these fail the test when there is none. Real input, as by a hand. */
void browser_click(struct browser *b, const char *selector);
void browser_type(struct browser *b, const char *selector, const char *text);
/* What one sees of it. */
const char *browser_text(struct browser *b, const char *selector);

/* A command of the DevTools protocol; `params` is a JSON object. */
const char *browser_cdp(struct browser *b, const char *command, const char *params);
/* Runs before anything else in every page from now on. */
void browser_before_pages(struct browser *b, const char *script);

/* What pages and the browser wrote on the console since the last call, a line each: complaints, but for what tests write. */
const char *browser_console(struct browser *b);
#define assert_quiet(b) assert_string_equal(browser_console(b), "")

/* Writes a PNG of what is seen. */
void browser_picture(struct browser *b, const char *path);

/* ---- what every test of metrics.js waits for ---- */

/* The page was painted and loaded, so that everything that is measured of it is there. */
void browser_settle(struct browser *b);

#endif
