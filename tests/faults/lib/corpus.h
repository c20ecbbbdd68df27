/* SPDX-License-Identifier: MIT */
/* Test data that others collected, kept in tests/faults/data/ beside its licence. */
#ifndef SIDELIGHT_TESTS_FAULTS_CORPUS_H
#define SIDELIGHT_TESTS_FAULTS_CORPUS_H

#include "base/slice.h"
#include "tests/e2e/lib/fixture.h"

struct corpus_file {
    const char *name;   /* in its directory */
    struct slice bytes; /* never NULL, also of an empty file */
};
struct corpus {
    size_t n;
    const struct corpus_file *files; /* in order of their names */
};

/*
 * All files of tests/faults/data/`dir` that end in `suffix`; they live until the end of the test, which fails when there
 * are none. The working directory is the root of the tree, as for every test.
 */
struct corpus corpus_read(struct fixture *f, const char *dir, const char *suffix);

#endif
