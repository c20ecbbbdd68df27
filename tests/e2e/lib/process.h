/* SPDX-License-Identifier: MIT */
/*
 * Child processes: started so that none outlives the test program, ended by signal, waited for with a deadline. And short-lived
 * ones, run to their end with what they printed.
 *
 * Only the main thread may start one: a child is killed when the thread that made it ends.
 */
#ifndef SIDELIGHT_TESTS_E2E_PROCESS_H
#define SIDELIGHT_TESTS_E2E_PROCESS_H

#include "tests/e2e/lib/fixture.h"

#include <sys/types.h>

enum { PROCESS_CLOSED = -2, PROCESS_INHERITED = -1 };

struct process_options {
    const char *const *argv; /* ends in NULL; found by PATH */
    const char *const *env;  /* NAME=VALUE on top of ours, ends in NULL; may be NULL */
    int in, out, err;        /* descriptors, PROCESS_CLOSED or PROCESS_INHERITED */
    unsigned max_files;      /* RLIMIT_NOFILE; 0: as it is */
    const char *netns;       /* namespace to run in (netns.h); NULL: ours */
};

pid_t process_start(const struct process_options *opt);
/* False when it has not ended after `ms`; *ret is the exit status, or 128 + signal. */
bool process_wait(pid_t pid, unsigned ms, int *ret);

/* What a program that ended has done. */
struct outcome {
    int status; /* exit status, or 128 + signal */
    const char *out, *err;
};
/* Arguments up to NULL. `input` may be NULL. Fails the test when it takes longer than the deadline. */
const struct outcome *run(struct fixture *f, const char *const *argv, const char *input);
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* The program under test. */
#define run_sidelight(f, ...) run(f, ARGS(program(), __VA_ARGS__), NULL)

#endif
