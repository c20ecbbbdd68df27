/* SPDX-License-Identifier: MIT */
/* Transitions of the drain; all of them are in drain_step. */
#include "app/drain.h"

#include "base/clock.h"

void drain_begin(struct drain *d, const struct drain_options *opt, uint64_t now_ns)
{
    if (d->state != DRAIN_OFF)
        return;
    *d = (struct drain){.state = DRAIN_DELAY, .opt = *opt, .began_ns = now_ns};
}

static enum drain_action to_scrape(struct drain *d, uint64_t now_ns)
{
    d->state = DRAIN_SCRAPE;
    d->scrape_ns = now_ns;
    return DRAIN_WAIT;
}

enum drain_action drain_step(struct drain *d, uint64_t now_ns, bool public_done, unsigned scrapers)
{
    uint64_t age = now_ns - d->began_ns;

    switch (d->state) {
    case DRAIN_DELAY:
        if (age < d->opt.delay_ns)
            return DRAIN_WAIT;
        d->state = DRAIN_CLOSING;
        return DRAIN_CLOSE_PUBLIC;
    case DRAIN_CLOSING:
        if (public_done)
            return to_scrape(d, now_ns);
        if (age < d->opt.timeout_ns)
            return DRAIN_WAIT;
        d->state = DRAIN_CUTTING;
        d->cut_ns = now_ns;
        return DRAIN_CUT;
    case DRAIN_CUTTING:
        if (public_done || now_ns - d->cut_ns >= DRAIN_CUT_MS * NS_PER_MS)
            return to_scrape(d, now_ns);
        return DRAIN_WAIT;
    case DRAIN_SCRAPE:
        if (scrapers > 0 && now_ns - d->scrape_ns < d->opt.last_scrape_ns)
            return DRAIN_WAIT;
        d->state = DRAIN_OVER;
        return DRAIN_END;
    case DRAIN_OFF:
    case DRAIN_OVER:
        break;
    }
    return DRAIN_WAIT;
}
