/* SPDX-License-Identifier: MIT */
/*
 * A server whose wall clock is set at will while the monotonic clock stays: by Debian's faketime, the tool that others use
 * for this, or by our own preload/clock.c, which is there everywhere.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_STEPS_H
#define SIDELIGHT_TESTS_FAULTS_STEPS_H

#include "tests/e2e/lib/server.h"

struct steps {
    struct fixture *f;
    bool by_faketime;
};

/* Skips the test when faketime is wanted and not here, or under a sanitizer, which it does not go with. */
struct steps steps_by_faketime(struct fixture *f);
struct steps steps_by_preload(struct fixture *f);

/* Starts a server whose clock is `seconds` off from the first instruction on. */
struct server *steps_start(const struct steps *st, int64_t seconds, const char *const *sets);
/* From now on its wall clock is that far from the right time. */
void steps_set(const struct steps *st, int64_t seconds);

enum { STEP_HOUR = 3600, STEP_DAY = 86400, STEP_TEN_YEARS = 315576000 };

#endif
