/* SPDX-License-Identifier: MIT */
/*
 * One scrape, cut into its samples, and what every page promises: it is whole, buckets rise with `le`, a count is its +Inf
 * bucket, and nothing that counts is lower than on an earlier page. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_SHEET_H
#define SIDELIGHT_TESTS_FAULTS_SHEET_H

#include "tests/e2e/lib/client.h"

struct sample {
    const char *key; /* name and labels */
    double value;
};

struct sheet {
    char *page; /* as it came; lines are cut in a copy */
    char *text;
    size_t bytes, n;
    struct sample *samples;
    double ms; /* that the scrape took */
};

enum sheet_format { SHEET_TEXT, SHEET_OPENMETRICS };

/* False when nobody took the connection, or it ended without a byte; anything else but a whole page fails the test. */
bool sheet_take(struct server *s, enum sheet_format format, struct sheet *ret);
void sheet_release(struct sheet *sh);

void sheet_check_histograms(const struct sheet *sh);
/* Series of `before` have not gone away, nor fallen. Both in the same format. */
void sheet_check_rising(const struct sheet *before, const struct sheet *now);

#endif
