/* SPDX-License-Identifier: MIT */
/*
 * A walk around every path of a table: each spelling that is one byte away from it, or that
 * decoding, folding and cleaning up would make the same. What is right comes from the table and the
 * RFCs alone. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_WALK_H
#define SIDELIGHT_TESTS_FAULTS_WALK_H

#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/places.h"

enum { WALK_BATCH = 64 };

struct walk {
    struct server *s;
    unsigned port;
    struct places *places;
    struct wire w; /* for what keeps its connection */
    struct buf out;
    size_t n_waiting;
    int want[WALK_BATCH];
    size_t asked, refused, matched;
};

/*
 * Asks for all of them; fails the test at the first wrong answer. `places` counts what was asked of
 * each, and the walk how many targets there were, how many were to be refused, and how many were a
 * path of the table.
 */
void walk_table(struct walk *k, struct server *s, unsigned port, struct places *places);

#endif
