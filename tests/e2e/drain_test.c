/* SPDX-License-Identifier: MIT */
/* SIGTERM and SIGINT: who is told what, in which order, and that nobody in flight is lost. */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* A signal, and the server's word that it drains. */
static void begin(struct server *s, int signo)
{
    server_signal(s, signo);
    (void)log_event_wait(s, "draining");
}

static bool refuses(unsigned port)
{
    struct wire w;

    if (!wire_connect(&w, port))
        return true;
    wire_close(&w);
    return false;
}

static void assert_none_failed(const char *what, const struct load_result *r)
{
    print_message("  %s: %llu answered, %llu refused connections\n", what,
                  (unsigned long long)r->answered, (unsigned long long)r->refused);
    if (r->failed > 0)
        fail_msg("%llu %s failed, the first: %s", (unsigned long long)r->failed, what,
                 r->first_failure);
    assert_true(r->answered > 0);
}

static void drain_under_load(struct fixture *f, const char *const *sets)
{
    struct server *s = server_start(f, sets);
    struct load *kept = load_start(s, &(struct load_options){LOAD_GET, 3, 0, 0});
    struct load *fresh = load_start(s, &(struct load_options){LOAD_GET, 2, 1, 0});
    struct load *posts = load_start(s, &(struct load_options){LOAD_CONTACT, 3, 20, 0});
    struct load_result a, b, c;
    const struct outcome *o;

    EVENTUALLY(load_answered(kept) > 100 && load_answered(fresh) > 50 && load_answered(posts) > 30);
    begin(s, SIGTERM);
    a = load_end(kept, true);
    b = load_end(fresh, true);
    c = load_end(posts, true);
    assert_none_failed("kept-alive GET", &a);
    assert_none_failed("fresh GET", &b);
    assert_none_failed("POST", &c);
    assert_int_equal(server_end(s), 0);
    assert_contains(log_event_wait(s, "stopped"), "drained");
    o = server_command(s, ARGS("contacts", "export", "--format", "json"));
    assert_int_equal(count_of(o->out, "\"id\":"), c.answered);
}

TEST(sigterm_under_load_fails_no_request)
{
    drain_under_load(*state, SETS("contact.rate=off", "drain.delay=200ms"));
}

TEST(sigterm_without_a_delay_fails_no_request_either)
{
    drain_under_load(*state, SETS("contact.rate=off", "drain.delay=0s", "threads=3"));
}

TEST(readiness_turns_first_and_everything_else_goes_on)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.delay=60s", "drain.timeout=120s"));
    const struct reply *r;

    begin(s, SIGTERM);
    r = get(s, "/health/readiness");
    assert_status(r, 503);
    assert_json(f, r->body, "reason", "draining");
    assert_status(get_ops(s, "/health/readiness"), 503);
    assert_status(get(s, "/health/liveness"), 200);
    assert_status(get(s, "/health"), 200);
    assert_status(post_json(s, ADA), 201);
    assert_metric(s, "sidelight_draining", 1);
    /* The signals that are no end do no harm. */
    server_signal(s, SIGHUP);
    (void)log_event_wait(s, "reloaded");
    assert_status(get(s, "/"), 200);
    server_signal(s, SIGTERM); /* or the test would take a minute */
    assert_int_equal(server_end(s), 1);
}

TEST(sigint_drains_as_well)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    begin(s, SIGINT);
    assert_int_equal(server_end(s), 0);
    assert_json(f, log_event_wait(s, "draining"), "signal", "SIGINT");
}

TEST(a_second_signal_ends_it_at_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.delay=60s", "drain.timeout=120s"));
    struct load *l = load_start(s, &(struct load_options){LOAD_GET, 3, 0, 0});

    assert_status(post_json(s, ADA), 201);
    EVENTUALLY(load_answered(l) > 100);
    begin(s, SIGTERM);
    server_signal(s, SIGINT);
    assert_int_equal(server_end(s), 1);
    (void)load_end(l, true); /* at once: whoever was in the middle of something has lost it */
    assert_json(f, log_event_wait(s, "stopped"), "reason", "second signal");
    assert_contains(server_command(s, ARGS("contacts", "list"))->out, "Ada");
}

TEST(idle_connections_do_not_hold_it_up)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.timeout=120s"));
    struct wire *w[N];

    for (int i = 0; i < N; i++) {
        w[i] = wire_to(s);
        if (i % 2 == 0) { /* the others never sent a byte */
            wire_send(w[i], HELLO);
            assert_status(wire_reply(f, w[i]), 200);
        }
    }
    begin(s, SIGTERM);
    for (int i = 0; i < N; i++)
        assert_wire_ends(w[i]);
    assert_int_equal(server_end(s), 0);
    assert_null(log_find(s, "drain_timeout"));
}

TEST(a_kept_connection_may_ask_once_more_and_is_told_to_close)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.timeout=120s"));
    struct wire *w = wire_to(s);
    const struct reply *r;

    wire_send(w, HELLO);
    assert_field(wire_reply(f, w), "connection", "keep-alive");
    begin(s, SIGTERM);
    EVENTUALLY(refuses(s->public_port));
    /* The workers are told only after the listener has closed. */
    do {
        wire_send(w, HELLO);
        r = wire_reply(f, w);
        assert_status(r, 200);
    } while (strcmp(reply_field(r, "connection"), "close") != 0);
    assert_wire_ends(w);
    assert_int_equal(server_end(s), 0);
}

TEST(a_submission_that_waits_for_its_commit_is_answered)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("drain.timeout=120s"));
    struct wire *w = wire_to(s);
    const struct reply *r;

    disk_hold(f, true);
    wire_send(w, "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                 "\r\nContent-Length: 58\r\n\r\n" ADA);
    EVENTUALLY(metric(s, "http_requests_in_flight{endpoint=\"/contact\"}") >= 1);
    begin(s, SIGTERM);
    EVENTUALLY(refuses(s->public_port));
    assert_true(wire_silent(w, 50));
    assert_true(server_lives(s));
    disk_hold(f, false);
    r = wire_reply(f, w);
    assert_status(r, 201);
    assert_field(r, "connection", "close");
    assert_wire_ends(w);
    assert_int_equal(server_end(s), 0);
    assert_contains(server_command(s, ARGS("contacts", "list"))->out, json_text(f, r->body, "id"));
}

TEST(the_timeout_cuts_what_is_stuck)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.timeout=500ms"));
    struct wire *head = wire_to(s), *body = wire_to(s);

    wire_send(head, "GET / HTTP/1.1\r\nHo");
    wire_send(body, "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    assert_metric(s, "connections_accepted_total", 2);
    begin(s, SIGTERM);
    EVENTUALLY(head->ended || !wire_silent(head, POLL_MS));
    EVENTUALLY(body->ended || !wire_silent(body, POLL_MS));
    assert_int_equal(server_end(s), 0);
    assert_non_null(log_find(s, "\"event\":\"drain_timeout\""));
}

/* Sends requests and reads nothing until neither side can send any more. */
static void stuff(struct wire *w)
{
    static const char request[] = "GET /contact HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct pollfd p = {w->fd, POLLOUT, 0};
    size_t at = 0;

    while (poll(&p, 1, 100) > 0) {
        ssize_t n =
            send(w->fd, request + at, sizeof(request) - 1 - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            at = (at + (size_t)n) % (sizeof(request) - 1);
    }
}

TEST(a_client_that_does_not_read_is_cut_too)
{
    struct server *s = server_start(*state, SETS("drain.timeout=500ms"));

    stuff(wire_to(s));
    assert_status(get(s, "/health"), 200);
    begin(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
    assert_non_null(log_find(s, "\"event\":\"drain_timeout\""));
}

TEST(the_metrics_port_is_last_and_waits_for_its_scraper)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.last_scrape=60s", "drain.timeout=120s"));
    const char *page;

    (void)page_of(s); /* so there is a scraper */
    assert_status(post_json(s, ADA), 201);
    begin(s, SIGTERM);
    EVENTUALLY(refuses(s->public_port));
    assert_status(get_ops(s, "/health/readiness"), 503);
    assert_true(server_lives(s));
    page = page_of(s);
    assert_true(page_value(page, "sidelight_draining") >= 1);
    assert_true(page_value(page, SUBMISSIONS) >= 1);
    assert_int_equal(server_end(s), 0);
}

TEST(a_scraper_that_does_not_come_back_is_waited_for_only_so_long)
{
    struct server *s = server_start(*state, SETS("drain.last_scrape=300ms", "drain.timeout=120s"));

    (void)page_of(s);
    begin(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
}

TEST(without_a_scraper_nothing_is_waited_for)
{
    struct server *s = server_start(*state, SETS("drain.last_scrape=120s", "drain.timeout=240s"));

    assert_status(get(s, "/health"), 200);
    begin(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
}

RUN_TESTS(T(sigterm_under_load_fails_no_request),
          T(sigterm_without_a_delay_fails_no_request_either),
          T(readiness_turns_first_and_everything_else_goes_on),
          T(sigint_drains_as_well),
          T(a_second_signal_ends_it_at_once),
          T(idle_connections_do_not_hold_it_up),
          T(a_kept_connection_may_ask_once_more_and_is_told_to_close),
          T(a_submission_that_waits_for_its_commit_is_answered),
          T(the_timeout_cuts_what_is_stuck),
          T(a_client_that_does_not_read_is_cut_too),
          T(the_metrics_port_is_last_and_waits_for_its_scraper),
          T(a_scraper_that_does_not_come_back_is_waited_for_only_so_long),
          T(without_a_scraper_nothing_is_waited_for))
