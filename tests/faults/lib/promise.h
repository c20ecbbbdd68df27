/* SPDX-License-Identifier: MIT */
/*
 * What docs/reliability.md is made of: a test that has passed says which promise it kept, how, and the figure.
 *
 * Without the environment variable PROMISES nothing is written, so a test by itself needs no set-up. Call it last in
 * the test: a line that is there is a promise kept.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_PROMISE_H
#define SIDELIGHT_TESTS_FAULTS_PROMISE_H

#include "tests/e2e/lib/fixture.h"

/*
 * Appends one row to the file that PROMISES names: the case or cases of the table it stands for (`id`, such as "A1" or
 * "F3-F5"), the promise as a user would read it, how it is tested, and what was measured, as printf would. No tabs, no
 * line ends, no '|'. Any process may append at any time: a row is one write.
 */
void promise(const char *id, const char *what, const char *how, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* True in `make faults`: the long form of a test, which may take minutes. Else a few seconds for a program. */
bool faults_long(void);

#endif
