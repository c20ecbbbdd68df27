/* SPDX-License-Identifier: MIT */
/* Pages, the metric and the log, in the order in which the server changes them. */
#include "tests/faults/lib/disk_outage.h"

#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"

void assert_store_down(struct server *s)
{
    const struct reply *r;

    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    r = get(s, "/health/readiness");
    assert_status(r, 503);
    assert_json(s->f, r->body, "reason", "store");
    assert_status(get(s, "/health"), 503);
    assert_status(get_ops(s, "/health/readiness"), 503);
    assert_metric(s, "dependency_up{name=\"store\"}", 0);
    assert_status(get(s, "/health/liveness"), 200);
    assert_true(server_lives(s));
    (void)log_event_wait(s, "store_failed");
}

void assert_store_up(struct server *s)
{
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    EVENTUALLY(get_ops(s, "/health/readiness")->status == 200);
    EVENTUALLY(get(s, "/health")->status == 200);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    assert_true(server_lives(s));
    (void)log_event_wait(s, "store_reopened");
}

static size_t reopened(struct server *s)
{
    return count_of(log_text(s), "\"event\":\"store_reopened\"");
}

size_t assert_outages_logged(struct server *s)
{
    double n = metric(s, "store_reopens_total");

    EVENTUALLY((double)reopened(s) == n);
    assert_true(count_of(log_text(s), "\"event\":\"store_failed\"") >= (size_t)n);
    return (size_t)n;
}
