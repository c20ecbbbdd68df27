/* SPDX-License-Identifier: MIT */
/*
 * The corpus of raw requests in tests/faults/framing/ (its README.md says how a case is written),
 * and what any HTTP/1 server makes of one. Main thread only; all lives until the end of the test.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_FRAMING_H
#define SIDELIGHT_TESTS_FAULTS_FRAMING_H

#include "tests/e2e/lib/wire.h"

enum { FRAMING_ANSWERS_MAX = 4, FRAMING_PIECES_MAX = 4 };

/* An answer. `reason` is the label of http_rejected_total, or NULL when a route answers. */
struct framing_answer {
    int status;
    const char *reason;
    unsigned times; /* in a row */
};

/* What becomes of the connection after the answers. */
enum framing_state {
    FRAMING_CLOSED, /* the server ends it and says no more */
    FRAMING_OPEN,   /* the next request on it is served */
    FRAMING_WAITS,  /* the server waits for the rest */
};

struct framing_case {
    const char *name, *purpose, *file;
    const char *peers;               /* why we accept what peers refuse, or NULL */
    const char *known;               /* why the answers are not what the RFC wants, or NULL */
    struct buf bytes;                /* what is sent */
    size_t ends[FRAMING_PIECES_MAX]; /* of its pieces, which are sent one by one */
    size_t n_pieces;
    struct framing_answer answers[FRAMING_ANSWERS_MAX]; /* Sidelight's, 100 among them */
    size_t n_answers;
    enum framing_state state;
    unsigned requests; /* that it holds at most, for whoever follows the RFC */
    bool head;         /* the first one is HEAD */
};

struct framing_corpus {
    struct framing_case *cases;
    size_t n;
};

/* Every *.txt there, by name. Fails the test at a line that it can't read, or a name twice. */
struct framing_corpus framing_load(struct fixture *f);

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
