/* SPDX-License-Identifier: MIT */
/* Numbered messages for one store: which were sent, which were acknowledged, and whether they are there. Main thread. */
#ifndef SIDELIGHT_TESTS_FAULTS_BOOKS_H
#define SIDELIGHT_TESTS_FAULTS_BOOKS_H

#include "tests/e2e/lib/fixture.h"

enum { BOOKS_MAX = 65536 };

struct books {
    size_t n, n_acknowledged; /* sent, or about to be */
    bool acknowledged[BOOKS_MAX];
};

/* The number of a new one. */
size_t books_open(struct books *b);
void books_acknowledge(struct books *b, size_t i);

/* POST /contact with message `i` as a form, or as JSON with an Idempotency-Key; `fields`: "\r\nName: value" each. */
const char *books_form(struct fixture *f, size_t i, const char *fields);
const char *books_json(struct fixture *f, size_t i, const char *fields);

/*
 * Reads the store beside the server that runs on it. Fails the test, with `doing`, unless SQLite finds it sound, and it has
 * every acknowledged message, none twice, and none that was not sent.
 */
void books_check(const struct books *b, const char *path, const char *doing);

#endif
