/* SPDX-License-Identifier: MIT */
/* What is left of requests when they are over: their lines in the log, their rows in the store. */
#ifndef SIDELIGHT_TESTS_FAULTS_AUDIT_H
#define SIDELIGHT_TESTS_FAULTS_AUDIT_H

#include "base/slice.h"
#include "tests/e2e/lib/server.h"

struct audit {
    const char *prefix; /* requests had the correlation IDs prefix-0 to prefix-(n - 1) */
    size_t n;
    /* Strings that their lines may hold as values besides the time and the ID, ends in NULL; NULL: any. */
    const char *const *strings;
};

/*
 * Stops the server (it must exit 0) and reads its log. Fails the test unless every line is one JSON object by the strict
 * grammar, free of control bytes; and each of the requests has exactly one. Lines that the server counted as dropped
 * may be missing. The number of their lines.
 */
size_t audit_log(struct server *s, const struct audit *a);

struct stored_row {
    const char *correlation_id;
    struct slice name, message;
};
struct stored {
    size_t n;
    const struct stored_row *rows; /* in order of their IDs */
};
/* All submissions of a server that has ended, as they stand in the SQLite file; they live until the end of the test. */
struct stored stored_rows(struct server *s);
/* The same as `sidelight contacts export --format json` shows them. */
struct stored stored_export(struct server *s);
/* The one submission with this ID, or NULL; the test fails when there are two. */
const struct stored_row *stored_find(const struct stored *all, const char *correlation_id);

#endif
