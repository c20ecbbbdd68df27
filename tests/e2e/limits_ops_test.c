/* SPDX-License-Identifier: MIT */
/* The limits of the metrics port, and of the workers: at each, and one past it. */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <sys/resource.h>

/* As docs/server.md has them. */
enum { CONNECTIONS = 64, BODY_MAX = 1024, WORKERS = 64 };

#define REFUSED(reason) "metrics_connections_refused_total{reason=\"" reason "\"}"
#define EXHAUSTED "connections_accept_errors_total{reason=\"exhausted\"}"
#define OTHER "connections_accept_errors_total{reason=\"other\"}"
#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* By a connection that is open already. */
static double metric_by(struct fixture *f, struct wire *ops, const char *series)
{
    wire_send(ops, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return page_value(wire_reply(f, ops)->body, series);
}

static void assert_served(struct fixture *f, struct wire *w)
{
    wire_send(w, HELLO);
    assert_status(wire_reply(f, w), 200);
}

TEST(the_metrics_port_has_so_many_connections_and_closes_one_more_at_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w[CONNECTIONS], *last;

    for (int i = 0; i < CONNECTIONS; i++)
        assert_served(f, w[i] = wire_to_ops(s));
    assert_true(metric_by(f, w[0], REFUSED("limit")) <= 0);
    assert_wire_ends(wire_to_ops(s));
    assert_wire_ends(wire_to_ops(s));
    assert_true(metric_by(f, w[0], REFUSED("limit")) >= 2);
    assert_true(metric_by(f, w[0], REFUSED("limit")) <= 2);
    assert_true(metric_by(f, w[0], REFUSED("network")) <= 0);
    for (int i = 0; i < CONNECTIONS; i++)
        assert_served(f, w[i]); /* those inside notice nothing */
    assert_status(get(s, "/health"), 200);
    wire_close(w[1]);
    /* Its place is free once its end was seen. */
    do
        wire_send(last = wire_to_ops(s), HELLO);
    while (wire_read(last, false, reply_keep(f)) != GOT_REPLY);
    assert_served(f, last);
}

static const char *with_body(struct fixture *f, size_t n)
{
    return textf(f, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%*s",
                 n, (int)n, "x");
}

TEST(a_body_on_the_metrics_port_is_read_up_to_its_limit_and_refused_one_past_it)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to_ops(s);

    wire_send(w, with_body(f, BODY_MAX));
    assert_error(f, wire_reply(f, w), 405, "method_not_allowed");
    assert_served(f, w);
    assert_metric(s, REJECTED("body_too_large"), 0);
    wire_send(w, with_body(f, BODY_MAX + 1));
    assert_error(f, wire_reply(f, w), 413, "content_too_large");
    assert_wire_ends(w);
    assert_metric(s, REJECTED("body_too_large"), 1);
    assert_true(metric_sum(s, "http_requests_total") <= 0);
}

TEST(what_the_metrics_port_refuses_is_counted_with_the_rest)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to_ops(s);

    assert_status(ASK_OPS(s, .path = "/metrics", .headers = HEADERS("Host: evil.example")), 421);
    wire_send(w, "\1\2\3\r\n\r\n");
    assert_status(wire_reply(f, w), 400);
    assert_wire_ends(w);
    assert_metric(s, REJECTED("misdirected"), 1);
    assert_metric(s, REJECTED("unparsed"), 1);
    assert_true(metric_sum(s, "slo_events_total") <= 0);
}

TEST(without_descriptors_the_metrics_port_pauses_counts_and_recovers)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=1"));
    struct wire *ops = wire_to_ops(s), *late;
    struct rlimit had, few;

    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, NULL, &had), 0);
    few = (struct rlimit){1, had.rlim_max};
    assert_true(metric_by(f, ops, EXHAUSTED) <= 0);
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &few, NULL), 0);
    late = wire_to_ops(s);
    wire_send(late, HELLO);
    EVENTUALLY(metric_by(f, ops, EXHAUSTED) >= 2); /* it tried, paused, and tried again */
    assert_true(metric_by(f, ops, OTHER) <= 0);
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &had, NULL), 0);
    assert_status(wire_reply(f, late), 200);
}

TEST(there_are_as_many_workers_as_may_be_and_one_more_is_a_wrong_configuration)
{
    struct fixture *f = *state;
    const struct outcome *o =
        run_sidelight(f, "--check", "--set", textf(f, "threads=%d", WORKERS + 1));
    struct server *s;

    assert_int_equal(o->status, 78);
    assert_contains(o->err, "threads");
    s = server_start(f, SETS(textf(f, "threads=%d", WORKERS)));
    for (int i = 0; i < WORKERS; i++)
        assert_served(f, wire_to(s));
    for (int i = 0; i < WORKERS; i++)
        assert_metric(s, textf(f, "worker_connections{worker=\"%d\"}", i), 1);
    assert_false(page_has(page_of(s), textf(f, "worker_connections{worker=\"%d\"}", WORKERS)));
}

RUN_TESTS(T(the_metrics_port_has_so_many_connections_and_closes_one_more_at_once),
          T(a_body_on_the_metrics_port_is_read_up_to_its_limit_and_refused_one_past_it),
          T(what_the_metrics_port_refuses_is_counted_with_the_rest),
          T(without_descriptors_the_metrics_port_pauses_counts_and_recovers),
          T(there_are_as_many_workers_as_may_be_and_one_more_is_a_wrong_configuration))
