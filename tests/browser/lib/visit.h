/* SPDX-License-Identifier: MIT */
/* A visitor on a site of the test's own (site.h), without Sidelight, and the reports of metrics.js as they came. Main thread only. */
#ifndef SIDELIGHT_TESTS_BROWSER_VISIT_H
#define SIDELIGHT_TESTS_BROWSER_VISIT_H

#include "tests/browser/lib/browser.h"
#include "tests/browser/lib/site.h"

#define HEADING "<h1>Some words that are painted</h1>"
#define PLAIN CLIENT_TAG HEADING

struct visit {
    struct fixture *f;
    struct site *site;
    struct browser *b;
};

struct visit visit_start(struct fixture *f);
/* Goes to a page of the site and waits until all is measured. */
void visit_look(struct visit *v, const char *name);
void visit_leave(struct visit *v);

/* A member of the vital by this name in a report's body ("value"), or NULL. */
const char *vital(struct visit *v, const char *body, const char *name, const char *member);
double vital_value(struct visit *v, const char *body, const char *name); /* it must be there */

void assert_between(double value, double least, double most);

#endif
