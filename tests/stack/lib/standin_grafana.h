/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for Grafana in its place (standin_grafana.py): it answers with what it got, and takes
 * websockets.
 */
#ifndef SIDELIGHT_TESTS_STANDIN_GRAFANA_H
#define SIDELIGHT_TESTS_STANDIN_GRAFANA_H

#include "tests/stack/lib/stack.h"

/* Starts it and waits until it answers; it ends with the test. */
void grafana_start(struct stack *s);
/*
 * Everything that reached it, a line of JSON for each request:
 * {"method","target","headers":{"name":["value",...]}}.
 */
const char *grafana_log(struct stack *s);

#endif
