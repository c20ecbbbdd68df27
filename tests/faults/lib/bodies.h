/* SPDX-License-Identifier: MIT */
/*
 * Tables of bodies for POST /contact and what becomes of each.
 *
 * Bodies that are only to be judged have no name: 422 with `fields` says that one was read, and found to lack something.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_BODIES_H
#define SIDELIGHT_TESTS_FAULTS_BODIES_H

#include "tests/faults/lib/flow.h"

enum { READ = -422 }; /* understood, so that only fields are missing */

struct body {
    const char *text;
    size_t n;
    int status; /* READ, or of the refusal */
};
#define BODY(text, status)             \
    {                                  \
        text, sizeof(text) - 1, status \
    }

/* Posts each, on a connection of its own; how many were refused. */
#define bodies_check(s, header, rows) bodies_check_(s, header, rows, ARRAY_LEN(rows))
size_t bodies_check_(struct server *s, const char *header, const struct body *rows, size_t n);

bool names_fields(const struct reply *r);

/* How a text is written in a body. */
enum spelling {
    AS_JSON,         /* as it is, but for what JSON must escape */
    AS_ESCAPED_JSON, /* all of it as \\uXXXX */
    AS_FORM,         /* all of it as %XX */
};
enum { SPELLINGS = 3 };
/* Content-Type, and the status of a submission that was stored. */
const char *spelling_header(enum spelling how);
int spelling_stored(enum spelling how);
/* A submission, right but for what the texts may be; these are valid UTF-8. */
void add_submission(struct buf *b, enum spelling how, struct slice name, struct slice message);
void add_spelled(struct buf *b, enum spelling how, struct slice text);

/* Without limits for a client. */
struct server *serve_all(struct fixture *f);

#endif
