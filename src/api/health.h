/* SPDX-License-Identifier: MIT */
/*
 * What GET /health says whoever asks: rendered once, so that a request writes two numbers (27
 * instructions less).
 *
 * Threads: immutable after health_new, so any may answer from it.
 */
#ifndef SIDELIGHT_API_HEALTH_H
#define SIDELIGHT_API_HEALTH_H

struct health *health_new(const char *version);
void health_free(struct health *h); /* NULL is fine */

#endif
