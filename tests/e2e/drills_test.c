/* SPDX-License-Identifier: MIT */
/* The drills on a real server: who reaches them, that they count like any other route, and that nobody waits for a sleeper. */
#include "tests/e2e/lib/clock.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define ON "drills.enabled=true"
#define USERS "GET /api/users HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define IN_FLIGHT "http_requests_in_flight{endpoint=\"/api/users\"}"
#define TOOK(suffix) \
    "http_request_duration_seconds_" suffix "{method=\"GET\",endpoint=\"/api/users\""

/* ---- who reaches them ---- */

static const struct ask asks[] = {
    {.path = "/api/error"},
    {                    .path = "/api/users"                   },
    {  .path = "/api/echo",        .headers = HEADERS(JSON_TYPE), .body = "{}"},
    {                           .path = "/api/users",  .method = "DELETE"},
    {                    .path = "/api/echo"                   },
    { .path = "/api/error",                    .method = "OPTIONS"},
};

/* As if there were no such paths, in every method. */
static void assert_closed(struct server *s, const struct ask *like)
{
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        struct ask a = asks[i];
        const char *headers[] = {JSON_TYPE, like->headers != NULL ? like->headers[0] : NULL, NULL};
        const struct reply *r;

        a.headers = headers;
        a.source = like->source;
        r = ask(s, &a);
        assert_error(s->f, r, 404, "not_found");
        assert_null(reply_field(r, "allow"));
    }
}

TEST(without_the_setting_there_is_nothing_and_nothing_is_judged)
{
    struct server *s = server_start(*state, NULL);

    assert_closed(s, &(struct ask){.path = NULL});
    assert_metric(s, REQUESTS("GET", "unmatched", "404"), 3);
    assert_metric(s, SLO("availability", "good"), 0);
    assert_metric(s, SLO("availability", "bad"), 0);
    assert_metric(s, "http_errors_total{type=\"client\",endpoint=\"/api/error\"}", 0);
    assert_metric(s, "http_errors_total{type=\"client\",endpoint=\"unmatched\"}", ARRAY_LEN(asks));
}

TEST(they_are_for_the_allowed_alone_and_no_proxy_is_a_way_in)
{
    struct server *s =
        server_start(*state, SETS(ON, "drills.allow=127.0.0.1/32", "trusted_proxies=127.0.0.1"));

    assert_status(get(s, "/api/error"), 500);
    assert_closed(s, &(struct ask){.source = "127.0.0.2"});
    assert_closed(s, &(struct ask){.headers = HEADERS("X-Real-IP: 203.0.113.7")});
    assert_closed(s, &(struct ask){.headers = HEADERS("X-Real-IP: nonsense")});
    assert_closed(s, &(struct ask){.headers = HEADERS("X-Forwarded-For: 127.0.0.1")});
    assert_status(ASK(s, .path = "/api/error", .headers = HEADERS("X-Real-IP: 127.0.0.1")), 500);
    assert_metric(s, SLO("availability", "bad"), 2);
}

TEST(a_proxy_that_is_not_trusted_is_no_way_in_either)
{
    struct server *s = server_start(*state, SETS(ON));

    assert_status(get(s, "/api/error"), 500);
    assert_closed(s, &(struct ask){.headers = HEADERS("X-Real-IP: 203.0.113.7")});
    assert_closed(s, &(struct ask){.headers = HEADERS("X-Forwarded-For: 203.0.113.7")});
    assert_closed(s, &(struct ask){.headers = HEADERS("Forwarded: for=203.0.113.7")});
}

TEST(the_metrics_port_has_none)
{
    struct server *s = server_start(*state, SETS(ON));

    assert_status(get_ops(s, "/api/error"), 404);
    assert_status(get_ops(s, "/api/users"), 404);
}

TEST(a_reload_opens_and_closes_them)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;

    write_file(config, "drills:\n  enabled: false\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_status(get(s, "/api/error"), 404);
    write_file(config, "drills:\n  enabled: true\n");
    server_signal(s, SIGHUP);
    EVENTUALLY(get(s, "/api/error")->status == 500);
    write_file(config, "drills:\n  enabled: true\n  allow: [10.0.0.0/8]\n");
    server_signal(s, SIGHUP);
    EVENTUALLY(get(s, "/api/error")->status == 404);
    assert_metric(s, "config_restart_required", 0);
}

/* ---- what they do to the numbers ---- */

TEST(errors_burn_the_budget_like_any_other)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON));
    unsigned failed = 0;

    for (unsigned i = 0; i < 10; i++)
        assert_error(f, get(s, "/api/error"), 500, "drill");
    for (unsigned i = 0; i < 5; i++)
        assert_error(f, get(s, "/api/error?type=client"), 400, "drill");
    for (unsigned i = 0; i < 200; i++)
        failed += get(s, "/api/error?rate=0.25")->status == 500;
    assert_int_equal(failed, 51); /* the dice fall the same each time */
    assert_metric(s, REQUESTS("GET", "/api/error", "500"), 10 + failed);
    assert_metric(s, REQUESTS("GET", "/api/error", "400"), 5);
    assert_metric(s, REQUESTS("GET", "/api/error", "200"), 200 - failed);
    assert_metric(s, "http_errors_total{type=\"server\",endpoint=\"/api/error\"}", 10 + failed);
    assert_metric(s, "http_errors_total{type=\"client\",endpoint=\"/api/error\"}", 5);
    assert_metric(s, SLO("availability", "bad"), 10 + failed);
    assert_metric(s, SLO("availability", "good"), 5 + 200 - failed);
    assert_metric(s, SLO("contact", "bad"), 0);
}

TEST(an_echo_says_what_was_said)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON, "limits.body=1KiB"));
    char *large = keep(f, 1026);
    const struct reply *r = ASK(s, .path = "/api/echo", .headers = HEADERS(JSON_TYPE),
                                .body = "{\"caf\xc3\xa9\": [1.50, null]}");

    assert_status(r, 200);
    assert_field(r, "content-type", "application/json");
    assert_string_equal(r->body,
                        "{\"status\":\"success\",\"data\":{\"caf\xc3\xa9\": [1.50, null]}}");
    assert_error(f, ASK(s, .path = "/api/echo", .headers = HEADERS(JSON_TYPE), .body = "{"), 400,
                 "malformed");
    assert_error(f, ASK(s, .path = "/api/echo", .headers = HEADERS(FORM_TYPE), .body = "a=1"), 415,
                 "unsupported_media_type");
    memset(large, '1', 1024);
    r = ASK(s, .path = "/api/echo", .headers = HEADERS(JSON_TYPE), .body = large);
    assert_error(f, r, 400, "malformed"); /* a number beyond a double */
    large[0] = large[1023] = '"';
    assert_status(ASK(s, .path = "/api/echo", .headers = HEADERS(JSON_TYPE), .body = large), 200);
    memcpy(large + 1023, "1\"", 2);
    assert_error(f, ASK(s, .path = "/api/echo", .headers = HEADERS(JSON_TYPE), .body = large), 413,
                 "content_too_large");
    assert_metric(s, SLO("availability", "good"), 5);
    assert_metric(s, SLO("availability", "excluded"), 1);
}

/* ---- users that come late ---- */

static struct wire *send_users(struct server *s)
{
    struct wire *w = wire_to(s);

    wire_send(w, USERS);
    return w;
}

static void assert_users(struct fixture *f, const struct reply *r)
{
    assert_status(r, 200);
    assert_manners(r);
    assert_int_equal(json_size(f, r->body, "users"), 2);
    assert_json(f, r->body, "users.0.name", "Ada Lovelace");
}

/*
 * Of N that wait together on one worker, the times they took add up to far more than the time that passed; and none took less
 * than the least latency. Only a machine that is stopped in between could tell otherwise, and then both grow.
 */
TEST(sleepers_wait_together_and_the_loop_goes_on)
{
    enum { N = 300 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON, "threads=1"));
    struct wire *wires[N];
    uint64_t began = clock_mono_ns();
    double passed;

    for (size_t i = 0; i < N; i++)
        wires[i] = send_users(s);
    assert_status(get(s, "/health/liveness"), 200);
    for (size_t i = 0; i < N; i++)
        assert_users(f, wire_reply(f, wires[i]));
    passed = (double)(clock_mono_ns() - began) / 1e9;
    assert_metric(s, REQUESTS("GET", "/api/users", "200"), N);
    assert_metric(s, IN_FLIGHT, 0);
    assert_metric(s, TOOK("bucket") ",le=\"0.005\"}", 0);
    assert_metric(s, TOOK("bucket") ",le=\"+Inf\"}", N);
    print_message("# %d took %.1f s in all, in %.1f s\n", N, metric(s, TOOK("sum") "}"), passed);
    assert_true(metric(s, TOOK("sum") "}") > 2 * passed);
    assert_metric(s, "drill_refusals_total", 0);
}

TEST(a_connection_may_ask_again_and_again)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON));
    struct wire *w = wire_to(s);

    for (size_t i = 0; i < N; i++)
        wire_send(w, USERS); /* pipelined: one after the other */
    for (size_t i = 0; i < N; i++)
        assert_users(f, wire_reply(f, w));
    wire_send(w, "HEAD /api/users HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_status(wire_reply_head(f, w), 200);
    assert_metric(s, REQUESTS("GET", "/api/users", "200"), N);
}

/* Of the users asked for: those that are answered or left, and those that wait. Never too many. */
static double asked(struct server *s)
{
    const char *const ends[] = {REQUESTS("GET", "/api/users", "200"),
                                REQUESTS("GET", "/api/users", "499")};
    double sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sum += page_has(page_of(s), ends[i]) ? metric(s, ends[i]) : 0;
    return sum + metric(s, IN_FLIGHT);
}

/*
 * More in all than may wait at once: each has given its place back. In every other round the clients
 * leave only when all have been heard; else a reset may overtake its request, which then never was.
 */
TEST(those_who_leave_are_499_and_leave_nothing_behind)
{
    enum { ROUNDS = 6, N = 200 };
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON));
    double known, answered, before = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct wire wires[N];

        for (size_t i = 0; i < N; i++) {
            assert_true(wire_connect(&wires[i], s->public_port));
            wire_send(&wires[i], USERS);
        }
        if (round % 2 == 0)
            EVENTUALLY(asked(s) == before + N);
        for (size_t i = 0; i < N; i++) {
            if (i % 2 == 0)
                assert_int_equal(
                    setsockopt(wires[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
            wire_close(&wires[i]);
        }
        EVENTUALLY(metric(s, "connections_accepted_total") == (round + 1) * N);
        EVENTUALLY(metric_sum(s, "worker_connections") == 0);
        assert_metric(s, IN_FLIGHT, 0);
        if (round % 2 == 0)
            EVENTUALLY(asked(s) == before + N);
        assert_true(asked(s) <= before + N);
        before = asked(s);
    }
    assert_metric(s, "drill_refusals_total", 0);
    known = metric(s, REQUESTS("GET", "/api/users", "499"));
    answered = metric(s, REQUESTS("GET", "/api/users", "200"));
    print_message("# of %d, %.0f left before their answer, %.0f had it, %.0f were never heard\n",
                  ROUNDS * N, known, answered, ROUNDS * N - before);
    assert_true(known > 0);
    assert_users(f, get(s, "/api/users"));
}

/* A step back would stop the library's timers for as long, and a step forward fire them. */
TEST(a_step_of_the_wall_clock_neither_wakes_nor_keeps_a_sleeper)
{
    enum { N = 50 };
    static const int steps[] = {-3600, 3600};
    struct fixture *f = *state;
    struct server *s = server_start_with_clock(f, SETS(ON, "threads=1"));
    struct wire *wires[N];

    for (size_t step = 0; step < ARRAY_LEN(steps); step++) {
        for (size_t i = 0; i < N; i++)
            wires[i] = send_users(s);
        set_clock(f, steps[step]);
        for (size_t i = 0; i < N; i++)
            assert_users(f, wire_reply(f, wires[i]));
    }
    assert_metric(s, TOOK("bucket") ",le=\"0.005\"}", 0);
    assert_metric(s, TOOK("bucket") ",le=\"+Inf\"}", ARRAY_LEN(steps) * N);
}

TEST(a_drain_waits_for_sleepers)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS(ON, "drain.delay=0s", "threads=2"));
    struct wire *wires[N];

    for (size_t i = 0; i < N; i++)
        wires[i] = send_users(s);
    server_signal(s, SIGTERM);
    for (size_t i = 0; i < N; i++)
        assert_users(f, wire_reply(f, wires[i]));
    assert_int_equal(server_end(s), 0);
    assert_contains(log_event_wait(s, "stopped"), "drained");
}

/* Sends more; true when so many wait that not all can be through by the time a signal arrives. */
static bool many_sleep(struct server *s)
{
    enum { N = 100 };

    for (size_t i = 0; i < N; i++)
        (void)send_users(s);
    return metric(s, IN_FLIGHT) > N / 4.0;
}

/* The drain ends before them: they are cut, and freed (the sanitizers watch). */
TEST(a_drain_that_runs_out_of_time_cuts_sleepers)
{
    struct server *s =
        server_start(*state, SETS(ON, "drain.delay=0s", "drain.timeout=1ms", "threads=2"));

    EVENTUALLY(many_sleep(s));
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
    assert_non_null(log_find(s, "\"event\":\"drain_timeout\""));
}

RUN_TESTS(T(without_the_setting_there_is_nothing_and_nothing_is_judged),
          T(they_are_for_the_allowed_alone_and_no_proxy_is_a_way_in),
          T(a_proxy_that_is_not_trusted_is_no_way_in_either),
          T(the_metrics_port_has_none),
          T(a_reload_opens_and_closes_them),
          T(errors_burn_the_budget_like_any_other),
          T(an_echo_says_what_was_said),
          T(sleepers_wait_together_and_the_loop_goes_on),
          T(a_connection_may_ask_again_and_again),
          T(those_who_leave_are_499_and_leave_nothing_behind),
          T(a_step_of_the_wall_clock_neither_wakes_nor_keeps_a_sleeper),
          T(a_drain_waits_for_sleepers),
          T(a_drain_that_runs_out_of_time_cuts_sleepers))
