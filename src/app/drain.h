/* SPDX-License-Identifier: MIT */
/*
 * The stages of a drain, as a state machine that knows nothing of threads, sockets or clocks: the
 * application feeds it the time and what it sees, and does what it says.
 */
#ifndef SIDELIGHT_APP_DRAIN_H
#define SIDELIGHT_APP_DRAIN_H

#include "base/base.h"

enum drain_state {
    DRAIN_OFF, /* serving */
    /* readiness is 503, everything is still served, so that the balancer can look away */
    DRAIN_DELAY,
    DRAIN_CLOSING, /* the public port is closed, requests in flight finish */
    DRAIN_CUTTING, /* time is up: what was left has been cut and is going away */
    DRAIN_SCRAPE,  /* waiting for a last scrape */
    DRAIN_OVER,    /* the process may end */
};

enum drain_action {
    DRAIN_WAIT,
    DRAIN_CLOSE_PUBLIC, /* stop accepting, let requests finish */
    DRAIN_CUT,          /* cut the connections that are left */
    DRAIN_END,          /* close the metrics port and end */
};

struct drain_options {
    uint64_t delay_ns, timeout_ns, last_scrape_ns; /* drain.* */
};

struct drain {
    enum drain_state state;
    struct drain_options opt;
    uint64_t began_ns, scrape_ns, cut_ns;
};

enum { DRAIN_CUT_MS = 1000 }; /* how long cut connections may take to go away */

/* The first signal. Later calls change nothing. */
void drain_begin(struct drain *d, const struct drain_options *opt, uint64_t now_ns);

/*
 * What to do now. `public_done`: no public connection or suspended request is left. `scrapers`:
 * scrapers that still wait for their last page. Each action but DRAIN_WAIT comes once.
 */
enum drain_action drain_step(struct drain *d, uint64_t now_ns, bool public_done, unsigned scrapers);

#endif
