/* SPDX-License-Identifier: MIT */
/*
 * The bridge between libh2o's requests and ours (bridge.c). Private to http/.
 */
#ifndef SIDELIGHT_HTTP_BRIDGE_H
#define SIDELIGHT_HTTP_BRIDGE_H

#include "http/request.h"

/* Runs a job that came back, on its request's own loop. */
void bridge_resume(struct pending *p);
/* Answers a request that has been suspended for too long, if it has a way to. */
void bridge_late(struct pending *p);

#endif
