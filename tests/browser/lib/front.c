/* SPDX-License-Identifier: MIT */
/* Two services of the stack are enough. */
#include "tests/browser/lib/front.h"

#include <math.h>

struct front front_start(struct fixture *f, const char *sets, const struct browser_options *opt)
{
    const char *flags =
        textf(f, "STACK_SIDELIGHT_FLAGS=--set drain.delay=0s %s", sets != NULL ? sets : "");
    struct browser *b = browser_start(f, opt);
    struct stack *s =
        stack_start(f, &(struct stack_options){.only = "sidelight caddy", .env = ARGS(flags)});

    return (struct front){f, s, b};
}

const char *front_metrics(struct front *v, bool openmetrics)
{
    const struct reply *r =
        ASK_IN(v->s, "prometheus", SCRAPE_SIDELIGHT_1, 9091, .path = "/metrics",
               .headers = HEADERS(openmetrics ? "Accept: application/openmetrics-text"
                                              : "Accept: text/plain"));

    assert_status(r, 200);
    return r->body;
}

double front_metric(struct front *v, const char *series)
{
    return page_value(front_metrics(v, false), series);
}

void assert_front_metric_(
    struct front *v, const char *series, double want, const char *file, int line)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    double got;

    while (fabs((got = front_metric(v, series)) - want) > 1e-9) {
        if (clock_mono_ns() >= end || got > want) {
            print_error("%s is %g, not %g\n", series, got, want);
            _fail(file, line);
        }
        clock_sleep_ms(POLL_MS);
    }
}
