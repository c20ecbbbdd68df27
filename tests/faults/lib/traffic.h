/* SPDX-License-Identifier: MIT */
/*
 * Everything that clients do, mixed, as fast as it is answered: requests of every route and their errors on connections that
 * stay and that end, refused heads, clients that go away, scrapes, the status page, and reloads of good and bad files.
 *
 * What it sends does not grow: so many visitors, so many keys of each kind. Only the messages stored do.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_TRAFFIC_H
#define SIDELIGHT_TESTS_FAULTS_TRAFFIC_H

#include "tests/e2e/lib/server.h"

/* A server fit for it: no limits per client, and its file may be rewritten. */
struct server *traffic_server(struct fixture *f);

struct traffic;
struct traffic *traffic_new(struct server *s);
/* A hundred and some requests; every answer is looked at. The test fails when one is neither as it should be nor 503. */
void traffic_round(struct traffic *t);
uint64_t traffic_sent(const struct traffic *t);
/* Of them, those answered 503: a disk that stalls for seconds has the store unhealthy. */
uint64_t traffic_unavailable(const struct traffic *t);
/* All its connections. Rounds may follow. */
void traffic_rest(struct traffic *t);

#endif
