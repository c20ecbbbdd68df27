/* SPDX-License-Identifier: MIT */
/*
 * Clients of every kind at once: on connections that stay, on new ones, and with forms; and the
 * books about them.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_GUESTS_H
#define SIDELIGHT_TESTS_FAULTS_GUESTS_H

#include "tests/e2e/lib/load.h"

struct guests {
    struct load *kept, *fresh, *posts;
};

/* Requests that were answered well. */
struct guest_books {
    uint64_t gets, posts;
};

/* Begins at once; ends with the test at the latest. Main thread, like all of these. */
struct guests guests_start(struct server *s);
/*
 * Waits until those on connections that stay had `more` answers, and the others a quarter of that.
 */
void guests_wait(const struct guests *c, uint64_t more);
/* Fails the test when a request failed. `gone`: as for load_end. */
void guests_end(const struct guests *c, bool gone, struct guest_books *sum);

unsigned long long guests_all(const struct guest_books *sum);

#endif
