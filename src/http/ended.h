/* SPDX-License-Identifier: MIT */
/*
 * Which connections end by time, and why: connections_timed_out_total. libh2o and the kernel end
 * them without a word, so it is told from what they leave behind. A request that goes well pays
 * nothing for it: only ticks and closes look. Private to http/.
 *
 * Threads: the connection's own.
 */
#ifndef SIDELIGHT_HTTP_ENDED_H
#define SIDELIGHT_HTTP_ENDED_H

#include "http/loop.h"

/* A connection that was just made: nothing was read yet. */
void ended_begin(struct conn *c);
/* What a tick sees of it, for ended_count. */
void ended_watch(struct conn *c);
/* The sweep cuts it off, as libh2o did not. */
void ended_cut(const struct conn *c);
/* It is closed: counts it if time was the reason. `c->sock` has no input and no descriptor left. */
void ended_count(const struct conn *c);

#endif
