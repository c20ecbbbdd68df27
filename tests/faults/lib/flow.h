/* SPDX-License-Identifier: MIT */
/*
 * Bodies by the thousand: posted over a few connections, some waiting on each, so that an exhaustive loop takes seconds.
 * And one alone, on a connection of its own, for those that close it.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_FLOW_H
#define SIDELIGHT_TESTS_FAULTS_FLOW_H

#include "base/slice.h"
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"

enum {
    FLOW_CONNECTIONS = 16,
    FLOW_DEPTH = 8, /* requests on each that wait for their answers */
};

struct flow {
    const char *path;   /* NULL: /contact */
    const char *header; /* JSON_TYPE, FORM_TYPE; more of them with \r\n between */
    const char *
        prefix; /* request `i` has the correlation ID `prefix`-(first + i), up to 64 bytes in all */
    size_t first, n;
    void *ctx;
    /* The body of request `i`, appended to an empty buffer. */
    void (*body)(void *ctx, size_t i, struct buf *b);
    /* Its answer, released afterwards. Answers come in order of `i` on each connection only. */
    void (*answered)(void *ctx, size_t i, const struct reply *r);
};

/* Main thread. Fails the test when an answer is missing, is a 5xx, has bad manners or another's ID. */
void flow_run(struct server *s, const struct flow *flow);

/* Exact bytes on a connection of their own; the first answer, which lives until the end of the test. */
const struct reply *flow_send(struct server *s, struct slice bytes);
const struct reply *flow_send_text(struct server *s, const char *text);
/* One request with the ID `id`, to `path`, from start to end; the answer lives until the end of the test. */
const struct reply *flow_one(
    struct server *s, const char *path, const char *header, const char *id, struct slice body);

/* Cuts the first code point off valid UTF-8. */
uint32_t cut_code_point(struct slice *s);
/* `s` as the inside of a JSON string, every code point as \uXXXX; `s` is valid UTF-8. */
void flow_escape_json(struct buf *b, struct slice s);
/* `s` as a value of a form, every byte as %XX. */
void flow_escape_form(struct buf *b, struct slice s);

#endif
