/* SPDX-License-Identifier: MIT */
/*
 * Clients that keep a server busy from threads of their own, and keep books about every request they sent.
 *
 * A request counts as failed when it was sent and no complete answer with a good status came. A connection that is refused is
 * no request: a client whose server is gone ends there.
 */
#ifndef SIDELIGHT_TESTS_E2E_LOAD_H
#define SIDELIGHT_TESTS_E2E_LOAD_H

#include "tests/e2e/lib/server.h"

enum load_kind {
    LOAD_GET,     /* GET /health and GET / */
    LOAD_CONTACT, /* POST /contact */
};

struct load_options {
    enum load_kind kind;
    unsigned threads;
    unsigned per_connection; /* requests on one connection; 0: as many as the server likes */
    unsigned per_thread;     /* requests in all; 0: until it is ended */
};

struct load_result {
    uint64_t answered, failed;
    uint64_t refused; /* connections; at most one a thread */
    char first_failure[128];
};

struct load;
/* Begins at once; ends with the test at the latest. */
struct load *load_start(struct server *s, const struct load_options *opt);
uint64_t load_answered(const struct load *l);
/* Ends the clients, or with `gone` waits until each found no server any more. */
struct load_result load_end(struct load *l, bool gone);
/*
 * The same; fails the test when a request failed, none was answered, or, unless `gone`, a
 * connection was refused. The number of answers.
 */
uint64_t load_end_well(struct load *l, bool gone);

#endif
