/* SPDX-License-Identifier: MIT */
/*
 * Requests by libcurl, one connection each. Links -lcurl.
 */
#ifndef SIDELIGHT_TESTS_E2E_CLIENT_H
#define SIDELIGHT_TESTS_E2E_CLIENT_H

#include "tests/e2e/lib/reply.h"
#include "tests/e2e/lib/server.h"

struct ask {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;
    const char *const *headers; /* "Name: value" each, ends in NULL; may be NULL */
    const char *body;           /* NULL: none */
    const char *source;         /* local address to come from, or NULL */
    const char *host;           /* an IPv4 address; NULL: 127.0.0.1 */
    const char *netns;          /* namespace to ask from (netns.h); NULL: ours */
    bool gzip;                  /* Accept-Encoding: gzip, decoded */
    unsigned wait_ms;           /* 0: DEADLINE_MS */
};
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What became of a request. */
enum sent {
    SENT_ANSWERED, /* *ret holds the answer; the caller releases it */
    SENT_REFUSED,  /* no connection: the request never left */
    SENT_BROKEN,   /* no complete answer */
};
/* Any thread; never fails a test. */
enum sent ask_port(unsigned port, const struct ask *ask, struct reply *ret);

/* The same from the main thread: an answer must come. It lives until the end of the test. */
const struct reply *ask(struct server *s, const struct ask *ask);     /* the public port */
const struct reply *ask_ops(struct server *s, const struct ask *ask); /* the metrics port */
#define ASK(s, ...) ask(s, &(struct ask){__VA_ARGS__})
#define ASK_OPS(s, ...) ask_ops(s, &(struct ask){__VA_ARGS__})
const struct reply *get(struct server *s, const char *path);
const struct reply *get_ops(struct server *s, const char *path);
/* POST /contact */
const struct reply *post_json(struct server *s, const char *json);
const struct reply *post_form(struct server *s, const char *form);

#define JSON_TYPE "Content-Type: application/json"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded"
#define ADA "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hello\"}"
#define ADA_FORM "name=Ada&email=ada%40example.com&message=Hello"

#endif
