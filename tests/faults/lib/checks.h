/* SPDX-License-Identifier: MIT */
/*
 * `sidelight --check` on many files, some at once. Whatever is in a file: no signal, less than a second, exit status
 * 0 or 78, and for 78 one line that names the file and the place.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_CHECKS_H
#define SIDELIGHT_TESTS_FAULTS_CHECKS_H

#include "base/slice.h"
#include "tests/e2e/lib/process.h"

enum { CHECK_GOOD = 0, CHECK_BAD = 78 };

struct check {
    const char *path;
    int status;      /* CHECK_GOOD or CHECK_BAD */
    const char *why; /* "LINE:COLUMN: reason"; "" when it is good */
};

/* What many of them came to. */
struct checked {
    size_t n, bad;
    double most_ms; /* from start to end, for one */
};

/*
 * `make faults` takes a second as it passes. Beside other tests, waiting for a CPU, and this
 * process's own to see an end, does not count, and the best of three does.
 */
/* Fills in the results of `n` files; fails the test when one of the promises above is broken. Main thread. */
struct checked checks_run(struct fixture *f, struct check *checks, size_t n);

void write_bytes(const char *path, struct slice bytes);

#endif
