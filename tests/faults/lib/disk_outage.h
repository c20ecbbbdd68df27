/* SPDX-License-Identifier: MIT */
/* A store that is out of service, and back: how it looks from outside. Main thread. */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_OUTAGE_H
#define SIDELIGHT_TESTS_FAULTS_DISK_OUTAGE_H

#include "tests/e2e/lib/server.h"

/*
 * Both readiness pages, health and the metric say that the store is down; liveness says that the
 * process lives.
 */
void assert_store_down(struct server *s);
/* Waits until it is up again, everywhere, and the log says so. */
void assert_store_up(struct server *s);
/* Each going down and coming back is in the log: as many as the server counted. How many. */
size_t assert_outages_logged(struct server *s);

#endif
