/* SPDX-License-Identifier: MIT */
/*
 * The corpus of raw requests in tests/faults/framing/; its README.md says how a case is written.
 * Main thread only; all lives until the end of the test.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_FRAMING_CORPUS_H
#define SIDELIGHT_TESTS_FAULTS_FRAMING_CORPUS_H

#include "base/slice.h"
#include "tests/e2e/lib/fixture.h"

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

#endif
