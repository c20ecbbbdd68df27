/* SPDX-License-Identifier: MIT */
/*
 * Steps of the wall clock, both ways: preload/clock.c in front of it. libh2o's timers go by it;
 * nothing else may.
 */
#include "tests/e2e/lib/clock.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <stdlib.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define LAGS "event_loop_lag_seconds_count"

/* The year that an answer's log line bears. */
static const char *logged_at(struct server *s, const char *id)
{
    struct fixture *f = s->f;
    const char *header = textf(f, "X-Correlation-ID: %s", id);

    assert_status(ASK(s, .path = "/", .headers = HEADERS(header)), 200);
    return json_text(f, log_request(s, id), "ts");
}

static void assert_lag_is_measured(struct server *s)
{
    double before = metric_sum(s, LAGS);

    EVENTUALLY(metric_sum(s, LAGS) > before + 1);
}

TEST(a_step_back_stops_no_timeout)
{
    struct fixture *f = *state;
    struct server *s = server_start_with_clock(f, SETS("http.request_timeout=1s", "threads=2"));
    struct wire *idle = wire_to(s), *head = wire_to(s), *body = wire_to(s), *silent = wire_to(s);
    struct wire *late;
    const char *before = logged_at(s, "before");

    wire_send(idle, HELLO);
    assert_status(wire_reply(f, idle), 200);
    wire_send(head, "GET / HTTP/1.1\r\nHo");
    wire_send(body, "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                    "\r\nContent-Length: 58\r\n\r\n{\"na");
    set_clock(f, -600);
    assert_true(strcmp(logged_at(s, "after"), before) < 0); /* it did step */
    late = wire_to(s);
    wire_send(late, "GET / HTTP/1.1\r\nHo");
    assert_lag_is_measured(s);
    EVENTUALLY(head->ended || !wire_silent(head, POLL_MS));
    EVENTUALLY(body->ended || !wire_silent(body, POLL_MS));
    EVENTUALLY(late->ended || !wire_silent(late, POLL_MS));
    assert_wire_ends(idle);
    assert_wire_ends(silent);
    assert_status(get(s, "/health"), 200);
    assert_status(post_json(s, ADA), 201);
}

TEST(the_rate_of_a_client_does_not_follow_the_wall_clock)
{
    static const int steps[] = {-600, 3600, 86400};
    struct fixture *f = *state;
    struct server *s = server_start_with_clock(f, SETS("contact.rate=1/h"));
    const struct reply *r;

    assert_status(post_json(s, ADA), 201);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        long wait;

        set_clock(f, steps[i]);
        r = post_json(s, ADA);
        assert_status(r, 429);
        wait = strtol(reply_field(r, "retry-after"), NULL, 10);
        assert_in_range(wait, 3600 - 600, 3600);
    }
}

TEST(steps_forward_break_no_complete_request)
{
    enum { STEPS = 10 };
    struct fixture *f = *state;
    struct server *s =
        server_start_with_clock(f, SETS("contact.rate=off", "http.request_timeout=2s"));
    const char *before = logged_at(s, "before");

    for (int i = 1; i <= STEPS; i++) {
        struct wire *w = wire_to(s);

        set_clock(f, i * 3600);
        assert_status(get(s, "/"), 200);
        assert_status(post_json(s, ADA), 201);
        assert_status(get_ops(s, "/metrics"), 200);
        wire_send(w, HELLO); /* one that was there before may have been closed as idle, in order */
        EVENTUALLY(w->ended || !wire_silent(w, POLL_MS));
        if (w->in.len > 0)
            assert_status(wire_reply(f, w), 200);
    }
    assert_true(strcmp(logged_at(s, "after"), before) > 0);
    assert_metric(s, SUBMISSIONS, STEPS);
    assert_lag_is_measured(s);
    assert_status(get(s, "/health/readiness"), 200);
}

RUN_TESTS(T(a_step_back_stops_no_timeout),
          T(the_rate_of_a_client_does_not_follow_the_wall_clock),
          T(steps_forward_break_no_complete_request))
