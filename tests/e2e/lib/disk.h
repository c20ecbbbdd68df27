/* SPDX-License-Identifier: MIT */
/* A disk whose syncs fail or stall at will: preload/sync.c, built into the test's directory. */
#ifndef SIDELIGHT_TESTS_E2E_DISK_H
#define SIDELIGHT_TESTS_E2E_DISK_H

#include "tests/e2e/lib/server.h"

/* Starts a server on such a disk; both switches are off. */
struct server *server_start_on_disk(struct fixture *f, const char *const *sets);
/* On such a disk, and with the wall clock of clock.h. */
struct server *server_start_on_disk_with_clock(struct fixture *f, const char *const *sets);
/* For those who start one by other means: what to preload, with SYNC_CONTROL set to the test's directory. */
const char *disk_library(struct fixture *f);
void disk_hold(struct fixture *f, bool on); /* syncs wait */
bool disk_waits(struct fixture *f);         /* a sync has come to wait */
void disk_fail(struct fixture *f, bool on); /* syncs return EIO */

#endif
