/* SPDX-License-Identifier: MIT */
/*
 * A configuration of live settings of every kind, none at its default, and whether a server still
 * goes by it. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_KEPT_H
#define SIDELIGHT_TESTS_FAULTS_KEPT_H

#include "tests/e2e/lib/server.h"

extern const char kept_config[];

/* Every worker goes by its `hosts`. */
bool kept_taken(struct server *s);

/*
 * Fails the test unless all of these are as the file says: hosts, proxies, redirect, both rates,
 * CORS, who may read the reports, an objective, the log's level and its addresses. One form is
 * stored. `round`: below 65,536, and another each time.
 */
void assert_kept(struct server *s, unsigned round);

#endif
