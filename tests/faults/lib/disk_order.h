/* SPDX-License-Identifier: MIT */
/*
 * Whether a sync returned before each acknowledgement, read from what strace wrote about a server.
 *
 * The proof for one acknowledgement: a write to the log (-wal) held the submission's row; after it, the same thread began
 * a sync of the log that returned 0; and only then did a thread begin to write the answer. strace holds a thread at the
 * entry and at the exit of each call, so the order of its lines is an order in time.
 *
 * Submissions bear a number from ORDER_FIRST on: they have a correlation ID order-NNNNNN-x, which is in the row and in the answer. Two with the same number
 * have the same Idempotency-Key, so one row stands for both.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_ORDER_H
#define SIDELIGHT_TESTS_FAULTS_DISK_ORDER_H

#include "tests/e2e/lib/fixture.h"

#define ORDER_MARK "order-"
enum { ORDER_DIGITS = 6, ORDER_FIRST = 100000 };

/* Options of strace that it needs; more may follow. */
#define ORDER_CALLS "fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg"

struct order {
    size_t answers; /* 201 and 303 with a number */
    size_t syncs;   /* of the log that succeeded */
    size_t rows;    /* numbers that were written to the log */
    const char *
        violation; /* the first answer without proof, and why; NULL: none. Lives until the end of the test */
};

/* `trace` is changed. There are `n` numbers. */
struct order order_check(struct fixture *f, char *trace, size_t n);

#endif
