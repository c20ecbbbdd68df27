/* SPDX-License-Identifier: MIT */
/* A wall clock that is set at will: preload/clock.c, built into the test's directory. The monotonic clock stays. */
#ifndef SIDELIGHT_TESTS_E2E_CLOCK_H
#define SIDELIGHT_TESTS_E2E_CLOCK_H

#include "tests/e2e/lib/server.h"

/* Starts a server on such a clock; it is right. */
struct server *server_start_with_clock(struct fixture *f, const char *const *sets);
/* For those who start one by other means: what to preload, and the variable that it wants. */
const char *clock_library(struct fixture *f);
const char *clock_control(struct fixture *f);
/* From now on the server's wall clock is that far off. */
void set_clock(struct fixture *f, int seconds);

#endif
