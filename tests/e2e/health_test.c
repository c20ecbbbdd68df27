/* SPDX-License-Identifier: MIT */
/*
 * The four health routes: their shapes, and that what they say is measured. Outages are
 * store_test.c's, drains drain_test.c's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"

#include <signal.h>

static void assert_healthy(struct fixture *f, const struct reply *r)
{
    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "application/json");
    assert_field(r, "cache-control", "no-store");
    assert_json(f, r->body, "status", "healthy");
    assert_true(json_number(f, r->body, "uptime") >= 0);
    assert_int_equal(json_size(f, r->body, "dependencies"), 1);
    assert_json(f, r->body, "dependencies.0.name", "store");
    assert_json(f, r->body, "dependencies.0.status", "healthy");
    assert_true(json_number(f, r->body, "dependencies.0.latency_ms") > 0);
    assert_int_equal(json_size(f, r->body, ""), 4);
}

TEST(health_tells_state_uptime_version_and_dependencies)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *version = run_sidelight(f, "--version")->out;

    assert_healthy(f, get(s, "/health"));
    assert_healthy(f, get(s, "/api/health"));
    assert_healthy(f, get_ops(s, "/health"));
    assert_contains(version, json_text(f, get(s, "/health")->body, "version"));
}

TEST(liveness_and_readiness_are_short)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_string_equal(get(s, "/health/liveness")->body, "{\"status\":\"alive\"}");
    assert_string_equal(get(s, "/health/readiness")->body, "{\"status\":\"ready\"}");
    assert_string_equal(get_ops(s, "/health/liveness")->body, "{\"status\":\"alive\"}");
    assert_string_equal(get_ops(s, "/health/readiness")->body, "{\"status\":\"ready\"}");
    assert_field(get(s, "/health/readiness"), "cache-control", "no-store");
}

static double uptime(struct fixture *f, struct server *s)
{
    return json_number(f, get(s, "/health")->body, "uptime");
}

TEST(uptime_grows_and_starts_over_with_the_process)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    uint64_t began = clock_mono_ns();
    double first = uptime(f, s), last;

    EVENTUALLY(uptime(f, s) > first + 0.5);
    last = uptime(f, s);
    assert_true(last * 1e9 <=
                (double)(clock_mono_ns() - began) + 60e9); /* seconds, not milliseconds */
    server_stop(s);
    server_again(s);
    assert_true(metric(s, "process_start_time_seconds") > 1.7e9);
    assert_true(uptime(f, s) < last + 0.5);
}

TEST(liveness_does_not_ask_the_store)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    EVENTUALLY(get(s, "/health")->status == 503);
    assert_status(get(s, "/health/liveness"), 200);
    assert_status(get_ops(s, "/health/liveness"), 200);
    assert_status(get(s, "/health/readiness"), 503);
    assert_status(get(s, "/contact"), 200);
    assert_status(get_ops(s, "/metrics"), 200);
}

TEST(health_is_not_counted_as_a_failure_of_ours)
{
    struct server *s = server_start(*state, NULL);

    assert_int_equal(rename(s->store, in_dir(*state, "away.db")), 0);
    EVENTUALLY(get(s, "/health")->status == 503);
    assert_metric(s, SLO("availability", "bad"), 0);
    assert_true(metric(s, REQUESTS("GET", "/health", "503")) >= 1);
}

TEST(a_stopped_process_answers_again_when_it_goes_on)
{
    struct server *s = server_start(*state, NULL);
    struct reply r;

    server_signal(s, SIGSTOP);
    server_signal(s, SIGCONT);
    assert_int_equal(ask_port(s->public_port, &(struct ask){.path = "/health"}, &r), SENT_ANSWERED);
    assert_status(&r, 200);
    reply_release(&r);
}

RUN_TESTS(T(health_tells_state_uptime_version_and_dependencies),
          T(liveness_and_readiness_are_short),
          T(uptime_grows_and_starts_over_with_the_process),
          T(liveness_does_not_ask_the_store),
          T(health_is_not_counted_as_a_failure_of_ours),
          T(a_stopped_process_answers_again_when_it_goes_on))
