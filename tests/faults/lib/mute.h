/* SPDX-License-Identifier: MIT */
/*
 * A server whose standard descriptors are the test's: closed, or outputs that are full, slow or
 * gone. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_MUTE_H
#define SIDELIGHT_TESTS_FAULTS_MUTE_H

#include "tests/e2e/lib/server.h"

struct mute {
    struct server s; /* for the library: its ports are known, its log is not */
    int theirs, ours;
    struct buf seen;
};

/*
 * With these three descriptors; PROCESS_CLOSED for none. Waits until it serves. It is killed at the
 * end of the test.
 */
struct mute *mute_start(struct fixture *f, int in, int out, int err);

struct mute_output {
    const char *name;
    void (*make)(int ret[2]); /* theirs, ours */
};
enum { MUTE_OUTPUTS = 4 };
extern const struct mute_output mute_outputs[MUTE_OUTPUTS];

/* With such an output; its ends are `theirs` and `ours`. */
struct mute *mute_start_on(struct fixture *f, const struct mute_output *o);
/* Adds some of what comes within `ms` to what was seen, `most` bytes; false at the end. */
bool mute_read(struct mute *m, size_t most, int ms);

#endif
