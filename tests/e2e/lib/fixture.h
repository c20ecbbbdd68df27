/* SPDX-License-Identifier: MIT */
/*
 * What every end-to-end test has: a directory of its own, servers that end with the test, and memory that is freed with it.
 *
 * Tests are written like unit tests, with `struct fixture *f = *state;` at the top. After a test each server that still runs
 * is stopped and must exit 0, so that a sanitizer's complaint at exit fails the test.
 *
 * Nothing here sleeps for a fixed time: whatever takes a while is polled until a generous deadline, as sanitizers are slow.
 */
#ifndef SIDELIGHT_TESTS_E2E_FIXTURE_H
#define SIDELIGHT_TESTS_E2E_FIXTURE_H

#include "base/buf.h"
#include "base/clock.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { DEADLINE_MS = 20000, POLL_MS = 5 };

struct fixture;
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* All of these live until the end of the test. Main thread only. */
const char *fixture_dir(const struct fixture *f);
const char *in_dir(struct fixture *f,
                   const char *name);    /* the path of a file in the test's directory */
void *keep(struct fixture *f, size_t n); /* zeroed memory */
char *keep_text(struct fixture *f, const char *s, size_t n);
const char *textf(struct fixture *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *read_file(struct fixture *f, const char *path); /* "" when there is none */
void read_into(const char *path, struct buf *b);            /* the same, replacing what `b` holds */
void write_file(const char *path, const char *text);

/* Runs `fn` on `arg` at the end of the test, the latest first. */
typedef void cleanup_fn(void *arg);
void at_end(struct fixture *f, cleanup_fn *fn, void *arg);

/* A server at fault can be reported after everything was cleaned up. */
void fixture_blame(struct fixture *f, const char *what);

/* Waits until `cond` is true; the test fails when it does not become so. */
#define EVENTUALLY(cond)                \
    do {                                \
        uint64_t end_ns_ = 0;           \
        while (!(cond))                 \
            try_again(&end_ns_, #cond); \
    } while (0)
/* Pauses, or fails the test when the deadline, set by the first call, is over. */
void try_again(uint64_t *end_ns, const char *what);

#define assert_contains(text, part) assert_contains_(text, part, __FILE__, __LINE__)
void assert_contains_(const char *text, const char *part, const char *file, int line);
#define assert_lacks(text, part) assert_lacks_(text, part, __FILE__, __LINE__)
void assert_lacks_(const char *text, const char *part, const char *file, int line);
size_t count_of(const char *text, const char *part);

const char *environment(const char *name); /* of this process; NULL when it is not set */
/* The binary under test. */
const char *program(void);

#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
