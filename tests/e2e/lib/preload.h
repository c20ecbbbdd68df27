/* SPDX-License-Identifier: MIT */
/* Libraries that stand in front of a server's calls by LD_PRELOAD. Main thread only. */
#ifndef SIDELIGHT_TESTS_E2E_PRELOAD_H
#define SIDELIGHT_TESTS_E2E_PRELOAD_H

#include "tests/e2e/lib/fixture.h"

/* Builds `source`, one file of C, into the test's directory as `name`. The library's path. */
const char *preload_build(struct fixture *f, const char *name, const char *source);

/*
 * An environment for struct server_options with these libraries, by ':' when there are some, and
 * NAME=VALUE for what turns them; `more` ends in NULL. It lives until the end of the test.
 */
const char *const *preload_env(struct fixture *f, const char *libraries, const char *const *more);

#endif
