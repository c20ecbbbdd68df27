/* SPDX-License-Identifier: MIT */
/*
 * People who send messages while a disk fails under the server, and the reckoning with what is
 * stored at the end.
 *
 * Each sends one message after the other. Half of the messages carry an Idempotency-Key and are
 * sent again until they are acknowledged; the others are sent once. An answer is 201, or 503 with
 * Retry-After in the shape of an error: all else, a connection that breaks too, fails the test. 503
 * says nothing about what was stored, so a message sent once may be there all the same: at most
 * once.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_PEOPLE_H
#define SIDELIGHT_TESTS_FAULTS_DISK_PEOPLE_H

#include "tests/e2e/lib/server.h"

struct people;

/*
 * Begins at once; ends with the test at the latest. Once a server. Main thread, like all of these.
 */
struct people *people_start(struct server *s, unsigned n, unsigned pause_ms);
uint64_t people_refused(const struct people *c); /* answers of 503 so far */
/* Waits until that many more are acknowledged; the test fails as soon as an answer was wrong. */
void people_await(const struct people *c, uint64_t more);
/* Waits until that many more were refused. */
void people_await_refused(const struct people *c, uint64_t more);
/*
 * From `true` to `false` no message that is sent may be acknowledged. Off before the disk is
 * mended.
 */
void people_outage(struct people *c, bool on);
/*
 * The server was ended and started again: what breaks on the way is no fault. Call `gone` before it
 * ends, each time: from then on nobody connects, since another program's server may get the port.
 */
void people_server_gone(struct people *c);
void people_server_back(struct people *c, const struct server *s);

struct reckoning {
    uint64_t acknowledged; /* messages; none is lost or there twice, else the test has failed */
    uint64_t refused;      /* answers of 503 */
};
/*
 * Ends them, those with a key when they have brought home what they have, and compares what they
 * know with `sidelight contacts export`: each message acknowledged is there once, under the ID that
 * its sender was told, and none is there twice. Then stops the server and checks the file's
 * integrity.
 */
struct reckoning people_reckon(struct server *s, struct people *c);

#endif
