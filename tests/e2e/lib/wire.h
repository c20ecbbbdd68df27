/* SPDX-License-Identifier: MIT */
/*
 * A bare TCP connection: exact bytes out, answers in. Whatever libcurl would tidy up is sent as it is.
 */
#ifndef SIDELIGHT_TESTS_E2E_WIRE_H
#define SIDELIGHT_TESTS_E2E_WIRE_H

#include "tests/e2e/lib/reply.h"
#include "tests/e2e/lib/server.h"

struct wire {
    int fd;
    struct buf in; /* read, not yet taken */
    bool ended;    /* the other side sends no more: FIN or reset */
};

enum got {
    GOT_REPLY,
    GOT_END,     /* the connection ended before a byte of another answer */
    GOT_PART,    /* it ended in the middle of one */
    GOT_NOTHING, /* the deadline passed */
    GOT_GARBAGE, /* no answer */
};

/* Any thread; these never fail a test. */
MUST_CHECK bool wire_connect(struct wire *w, unsigned port);
/* From a namespace (netns.h; NULL: ours) to an IPv4 address. */
MUST_CHECK bool wire_connect_in(struct wire *w, const char *netns, const char *host, unsigned port);
void wire_close(struct wire *w);
/* Reads while it can't write, so that neither side is stuck. False when the connection broke. */
bool wire_write(struct wire *w, const char *data, size_t n);
/* The next answer, which the caller releases; `head`: it answers HEAD, so it has no body. */
enum got wire_read(struct wire *w, bool head, struct reply *ret);

/* Main thread; closed at the end of the test. */
struct wire *wire_to(struct server *s);
struct wire *wire_to_ops(struct server *s);
void wire_send(struct wire *w, const char *text);
#define wire_send_lit(w, lit) \
    ((void)wire_write(w, lit, sizeof(lit) - 1)) /* with NUL bytes inside */
const struct reply *wire_reply(struct fixture *f, struct wire *w);
const struct reply *wire_reply_head(struct fixture *f, struct wire *w);
void wire_finish(struct wire *w);      /* sends FIN */
void assert_wire_ends(struct wire *w); /* nothing more comes, and the server closes */
/* True when no byte arrives within `ms`; for what must not happen. */
bool wire_silent(struct wire *w, unsigned ms);

#endif
