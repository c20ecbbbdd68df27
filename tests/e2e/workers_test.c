/* SPDX-License-Identifier: MIT */
/*
 * Connections: how they are spread over the workers, and what happens at the cap and without
 * descriptors.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <sys/resource.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

static double on_worker(struct server *s, int i)
{
    return metric(s, textf(s->f, "worker_connections{worker=\"%d\"}", i));
}

static void assert_served(struct fixture *f, struct wire *w)
{
    wire_send(w, HELLO);
    assert_status(wire_reply(f, w), 200);
}

TEST(eight_connections_on_four_workers_are_two_each)
{
    enum { WORKERS = 4, N = 8 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=4"));
    struct wire *w[N];

    for (int i = 0; i < N; i++)
        assert_served(f, w[i] = wire_to(s));
    for (int i = 0; i < WORKERS; i++)
        assert_metric(s, textf(f, "worker_connections{worker=\"%d\"}", i), 2);
    assert_int_equal(json_number(f, log_event_wait(s, "listening\",\"port\":\"public"), "workers"),
                     WORKERS);
    assert_false(page_has(page_of(s), "worker_connections{worker=\"4\"}"));
    for (int i = 0; i < N; i++)
        wire_close(w[i]);
    for (int i = 0; i < WORKERS; i++)
        assert_metric(s, textf(f, "worker_connections{worker=\"%d\"}", i), 0);
}

TEST(a_new_connection_goes_to_the_worker_that_has_the_fewest)
{
    enum { WORKERS = 3, N = 6 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=3"));
    struct wire *w[N];

    for (int i = 0; i < N; i++)
        assert_served(f, w[i] = wire_to(s));
    wire_close(w[1]); /* both of worker 1 */
    wire_close(w[4]);
    EVENTUALLY(on_worker(s, 1) <= 0);
    assert_served(f, wire_to(s));
    assert_served(f, wire_to(s));
    for (int i = 0; i < WORKERS; i++)
        assert_metric(s, textf(f, "worker_connections{worker=\"%d\"}", i), 2);
    assert_metric(s, "connections_accepted_total", N + 2);
}

TEST(many_requests_of_a_few_connections_use_all_workers)
{
    enum { N = 4 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=2"));
    struct wire *w[N];

    for (int i = 0; i < N; i++)
        w[i] = wire_to(s);
    for (int k = 0; k < 50; k++)
        for (int i = 0; i < N; i++)
            assert_served(f, w[i]);
    assert_metric(s, REQUESTS("GET", "/health/liveness", "200"), 50 * N);
    assert_true(on_worker(s, 0) >= 2 && on_worker(s, 1) >= 2);
}

TEST(beyond_the_cap_a_connection_waits_for_one_to_close)
{
    enum { CAP = 8 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("limits.connections=8", "threads=2"));
    struct wire *w[CAP], *ninth;

    for (int i = 0; i < CAP; i++) {
        assert_served(f, w[i] = wire_to(s));
        wire_send(w[i], "GET /health/liveness HTTP/1.1\r\n"); /* idle ones would make room */
    }
    assert_metric(s, "connections_limit", CAP);
    assert_metric(s, "connections_accept_pauses_total", 1);
    ninth = wire_to(s); /* the kernel takes it */
    wire_send(ninth, HELLO);
    assert_true(wire_silent(ninth, 50));
    assert_metric(s, "connections_accepted_total", CAP);
    assert_status(get_ops(s, "/health"), 200); /* the metrics port has its own */
    wire_send(w[0], "Host: localhost\r\n\r\nGET /");
    assert_status(wire_reply(f, w[0]), 200);
    wire_close(w[3]);
    assert_status(wire_reply(f, ninth), 200);
    assert_metric(s, "connections_accepted_total", CAP + 1);
    assert_metric(s, "connections_accept_pauses_total", 2);
    assert_metric(s, "connections_accept_errors_total{reason=\"exhausted\"}", 0);
    assert_metric(s, "connections_shed_total{reason=\"idle\"}", 0);
}

#define EXHAUSTED "connections_accept_errors_total{reason=\"exhausted\"}"

/* The page by a connection that is open already. */
static double metric_by(struct fixture *f, struct wire *ops, const char *series)
{
    wire_send(ops, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return page_value(wire_reply(f, ops)->body, series);
}

TEST(without_descriptors_accepting_pauses_and_recovers)
{
    enum { N = 100, FREE = 20, PAUSE_MS = 100 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=1"));
    struct wire *ops = wire_to_ops(s), *w = keep(f, N * sizeof(*w));
    rlim_t limit = (rlim_t)metric_by(f, ops, "process_open_fds") + FREE;
    uint64_t began = clock_mono_ns();
    double errors;

    /*
     * The cap was set below the limit at the start, so the limit must be lowered under the server's
     * feet.
     */
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &(struct rlimit){limit, limit}, NULL), 0);
    for (int i = 0; i < N; i++)
        assert_true(wire_connect(&w[i], s->public_port));
    EVENTUALLY(metric_by(f, ops, EXHAUSTED) >= 3);
    errors = metric_by(f, ops, EXHAUSTED);
    /* One try a pause, however slow this machine is: it does not spin. */
    assert_true(errors <= (double)(clock_mono_ns() - began) / 1e6 / PAUSE_MS + 3);
    assert_served(f, &w[0]);
    for (int i = 0; i < N; i++)
        wire_close(&w[i]);
    assert_status(get(s, "/health"), 200);
    assert_metric(s, "worker_connections{worker=\"0\"}", 0);
    assert_metric(s, "connections_accept_errors_total{reason=\"other\"}", 0);
}

TEST(a_low_limit_of_descriptors_lowers_the_cap)
{
    struct fixture *f = *state;
    struct server *s =
        server_start_with(f, &(struct server_options){.max_files = 256, .sets = SETS("threads=1")});

    assert_metric(s, "connections_limit", 256 - 64);
    assert_non_null(log_event_wait(s, "descriptor_limit_low"));
}

RUN_TESTS(T(eight_connections_on_four_workers_are_two_each),
          T(a_new_connection_goes_to_the_worker_that_has_the_fewest),
          T(many_requests_of_a_few_connections_use_all_workers),
          T(beyond_the_cap_a_connection_waits_for_one_to_close),
          T(without_descriptors_accepting_pauses_and_recovers),
          T(a_low_limit_of_descriptors_lowers_the_cap))
