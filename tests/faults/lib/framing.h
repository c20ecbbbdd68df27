/* SPDX-License-Identifier: MIT */
/* What any HTTP/1 server makes of a case of the corpus of raw requests. Main thread only. */
#ifndef SIDELIGHT_TESTS_FAULTS_FRAMING_H
#define SIDELIGHT_TESTS_FAULTS_FRAMING_H

#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/framing_corpus.h"

/* Sends it, with a moment between pieces. What breaks on the way, the answers tell. */
void framing_send(struct wire *w, const struct framing_case *c);

/* What came back on one connection. */
struct heard {
    unsigned n; /* final answers; 1xx are not */
    unsigned interim;
    unsigned accepted; /* those below 400 */
    int last;          /* the status of the last one, 0 without one */
    bool ended;        /* the server closed */
    bool odd;          /* bytes that are no answer, such as HTTP/0.9's */
};

/*
 * Reads until the connection ends, or the case's `requests` are answered and `more_ms` pass, or
 * nothing comes for `ms`.
 */
void framing_hear(struct wire *w, const struct framing_case *c, unsigned ms, unsigned more_ms);
struct heard framing_heard(const struct wire *w, const struct framing_case *c);

/* Every case to a port of 127.0.0.1, all at once; ret[i] is of cases[i]. `ms` of silence end it. */
void framing_ask_all(const struct framing_corpus *corpus,
                     unsigned port,
                     unsigned ms,
                     struct heard *ret);

#endif
