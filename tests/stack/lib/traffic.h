/* SPDX-License-Identifier: MIT */
/*
 * Visitors who send contacts through the tunnel and Caddy, each from an address of its own, until
 * the test ends.
 */
#ifndef SIDELIGHT_TESTS_STACK_TRAFFIC_H
#define SIDELIGHT_TESTS_STACK_TRAFFIC_H

#include "tests/stack/lib/stack.h"

struct traffic;
/* A thread begins at once: a contact, and `pause_ms` until the next. */
struct traffic *traffic_start(struct stack *s, unsigned pause_ms);
uint64_t traffic_received(const struct traffic *t); /* contacts acknowledged (201) */
uint64_t traffic_refused(const struct traffic *t);  /* answered 503 */
uint64_t traffic_lost(const struct traffic *t);     /* anything else */

#endif
