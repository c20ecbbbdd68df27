/* SPDX-License-Identifier: MIT */
/*
 * Where alerts arrive in tests: sink.py as a webhook receiver, a mail server, or pages that stand
 * in for a program's metrics.
 */
#ifndef SIDELIGHT_TESTS_STACK_SINK_H
#define SIDELIGHT_TESTS_STACK_SINK_H

#include "tests/e2e/lib/json.h"

#include <sys/types.h>

struct sink {
    struct fixture *f;
    const char *dir;
    pid_t pid;
};

/*
 * Starts it in a namespace (NULL: here) with these arguments, ends in NULL, and waits until it
 * listens. Ends with the test.
 */
struct sink *sink_start(struct fixture *f, const char *netns, const char *const *args);
void sink_stop(struct sink *s);

/*
 * What came: "webhooks" or "mails", one JSON document a line, the oldest first. These look for
 * lines that have all of `parts`, which ends in NULL: the first one, or NULL; and how many.
 */
const char *sink_find(struct sink *s, const char *what, const char *const *parts);
size_t sink_count(struct sink *s, const char *what, const char *const *parts);
/* Of every group of alerts that a webhook told of, the end was told, too; but for the watchdog and what a slow machine sets off. */
bool sink_settled(struct sink *s);
/* Forgets what came so far. */
void sink_clear(struct sink *s, const char *what);

#endif
