/* SPDX-License-Identifier: MIT */
/*
 * Debian's nginx, HAProxy and Caddy, with configurations of tests/faults/framing/. Each ends with
 * the test. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_PEERS_H
#define SIDELIGHT_TESTS_FAULTS_PEERS_H

#include "tests/e2e/lib/fixture.h"

/* Where Debian has it; without it the test is skipped. */
const char *peer_program(struct fixture *f, const char *name);
/*
 * A copy of a configuration in the test's directory, with @PORT@, @UPSTREAM@ and @DIR@ filled in.
 */
const char *peer_config(struct fixture *f, const char *name, unsigned port, unsigned upstream);

/*
 * Waits until it listens. `env` is NAME=VALUE on top of ours and ends in NULL; NULL: none, or
 * Caddy's own home.
 */
void peer_start(struct fixture *f, const char *const *argv, const char *const *env, unsigned port);
void peer_start_caddy(struct fixture *f, const char *config, const char *const *env, unsigned port);

#endif
