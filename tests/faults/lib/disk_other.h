/* SPDX-License-Identifier: MIT */
/* Another process that has the store open by SQLite, as somebody with a shell might. */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_OTHER_H
#define SIDELIGHT_TESTS_FAULTS_DISK_OTHER_H

#include "tests/e2e/lib/fixture.h"

struct other;

/* A process for the database `path`, opened with its first statement. Before any thread is started. */
struct other *other_new(struct fixture *f, const char *path);
/* Runs it there and waits; the test fails when SQLite does. One line. */
void other_run(struct other *o, const char *sql);
void other_kill(struct other *o); /* SIGKILL, whatever it holds */

#endif
