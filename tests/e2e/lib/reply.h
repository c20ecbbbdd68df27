/* SPDX-License-Identifier: MIT */
/*
 * An answer as it came over the wire, whoever fetched it: client.h by libcurl, wire.h by hand. Any thread, without asserting.
 */
#ifndef SIDELIGHT_TESTS_E2E_REPLY_H
#define SIDELIGHT_TESTS_E2E_REPLY_H

#include "tests/e2e/lib/fixture.h"

enum { REPLY_FIELDS_MAX = 32 };

struct reply {
    int status; /* 0: none came */
    char *head; /* owned; the fields point into it */
    size_t n_fields;
    struct {
        const char *name, *value; /* the name in lower case */
    } fields[REPLY_FIELDS_MAX];
    char *body; /* owned, NUL-terminated */
    size_t body_len;
};

/* Reads "HTTP/1.1 200 OK\r\n ... \r\n\r\n" of `n` bytes; false when it is anything else. The body stays empty. */
MUST_CHECK bool reply_parse(struct reply *ret, const char *head, size_t n);
void reply_release(struct reply *r);
struct reply *reply_keep(struct fixture *f); /* empty, released at the end of the test */

const char *reply_field(const struct reply *r,
                        const char *name); /* the first of this name, or NULL */
size_t reply_count(const struct reply *r, const char *name);

#define assert_status(r, want) assert_status_(r, want, __FILE__, __LINE__)
void assert_status_(const struct reply *r, int want, const char *file, int line);
#define assert_field(r, name, want) assert_field_(r, name, want, __FILE__, __LINE__)
void assert_field_(
    const struct reply *r, const char *name, const char *want, const char *file, int line);

/* What every answer has: one correlation ID, nosniff, Content-Length (except 204, 304), no Server, no control bytes. */
void assert_manners(const struct reply *r);
/* The shape of every error, with this code; the ID in the body is the one in the head. */
void assert_error(struct fixture *f, const struct reply *r, int status, const char *code);

#endif
