/* SPDX-License-Identifier: MIT */
/* The public port: connections over workers, drain, cut, and the live configuration. */
#include "tests/unit/http/running.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define LATER "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

static size_t connections(const struct running *r)
{
    size_t sum = 0;

    for (unsigned i = 0; i < r->opt.workers; i++)
        sum += server_connections(r->server, i);
    return sum;
}

static void say_hello(int fd)
{
    struct buf b = BUF_INIT;

    send_all(fd, SLICE_LIT(HELLO));
    assert_true(read_until(fd, &b, "\r\n\r\nhello", 1));
    buf_release(&b);
}

TEST(eight_connections_on_four_workers_are_two_each)
{
    struct running r;
    int fds[8];

    running_start(&r, 4);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&r.address);
        say_hello(fds[i]);
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(server_connections(r.server, i), 2);
    assert_int_equal(server_connections(r.server, 4), 0); /* there is no such worker */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    WAIT_UNTIL(connections(&r) == 0);
    assert_true(running_has(&r, "connections_accepted_total 8"));
    running_stop(&r);
}

TEST(the_worker_with_the_fewest_gets_the_next)
{
    struct running r;
    int fds[6], more[2];

    running_start(&r, 3);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&r.address);
        say_hello(fds[i]);
    }
    (void)close(fds[1]); /* both of worker 1 */
    (void)close(fds[4]);
    WAIT_UNTIL(server_connections(r.server, 1) == 0);
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        more[i] = dial(&r.address);
        say_hello(more[i]);
        assert_int_equal(server_connections(r.server, 1), i + 1);
    }
    running_stop(&r);
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        (void)close(more[i]);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (i != 1 && i != 4)
            (void)close(fds[i]);
}

TEST(a_server_is_freed_with_connections_open)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fds[5];

    running_start(&r, 2);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&r.address);
        say_hello(fds[i]);
    }
    send_all(fds[0], SLICE_LIT("GET /hel")); /* in the middle of a head */
    running_stop(&r);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        while (recv(fds[i], buf_reserve(&b, 64), 64, 0) > 0) /* the end comes, or a reset */
            b.len = 0;
        (void)close(fds[i]);
    }
    assert_true(refused(&r.address));
    buf_release(&b);
    server_free(NULL);
}

TEST(a_drain_lets_requests_in_flight_finish)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fd;

    running_start(&r, 2);
    assert_false(server_drained(r.server)); /* nobody asked for it */
    fd = dial(&r.address);
    send_all(fd, SLICE_LIT(LATER));
    WAIT_UNTIL(atomic_load(&r.suspended) == 1);
    server_drain(r.server);
    WAIT_UNTIL(refused(&r.address));
    assert_false(server_drained(r.server));
    pending_resume(&r.job);
    read_to_end(fd, &b);
    assert_true(buf_has(&b, "HTTP/1.1 200 OK\r\n"));
    assert_true(buf_has(&b, "onnection: close\r\n"));
    assert_true(buf_has(&b, "\r\n\r\nlate"));
    WAIT_UNTIL(server_drained(r.server));
    assert_int_equal(atomic_load(&r.sent), 1);
    assert_int_equal(connections(&r), 0);
    (void)close(fd);
    buf_release(&b);
    running_stop(&r);
}

TEST(a_drain_of_nothing_is_over_at_once)
{
    struct running r;

    running_start(&r, 3);
    server_drain(r.server);
    WAIT_UNTIL(server_drained(r.server));
    server_drain(r.server); /* again changes nothing */
    assert_true(server_drained(r.server));
    running_stop(&r);
}

TEST(what_waits_to_be_accepted_is_served_in_a_drain)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fds[20];

    running_start(&r, 2);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&r.address);
        send_all(fds[i], SLICE_LIT("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    }
    server_drain(r.server);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        buf_clear(&b);
        read_to_end(fds[i], &b);
        assert_true(buf_has(&b, "\r\n\r\nhello"));
        (void)close(fds[i]);
    }
    WAIT_UNTIL(server_drained(r.server));
    assert_true(running_has(&r, "connections_accepted_total 20"));
    buf_release(&b);
    running_stop(&r);
}

TEST(a_cut_ends_what_would_not_end)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fd;

    running_start(&r, 1);
    fd = dial(&r.address);
    send_all(fd, SLICE_LIT(LATER));
    WAIT_UNTIL(atomic_load(&r.suspended) == 1);
    server_drain(r.server);
    server_cut(r.server);
    assert_false(read_until(fd, &b, "late", 1)); /* the end comes without an answer */
    pending_resume(&r.job);
    WAIT_UNTIL(server_drained(r.server));
    assert_int_equal(atomic_load(&r.finished), 1);
    WAIT_SAMPLE(&r, "http_requests_total{method=\"GET\",endpoint=\"/later\",status=\"499\"} 1");
    (void)close(fd);
    buf_release(&b);
    running_stop(&r);
}

TEST(every_worker_holds_the_live_configuration_and_gives_it_back)
{
    struct running r;
    struct live_ref ref;
    struct buf b = BUF_INIT;
    int fd;

    running_start(&r, 4);
    assert_int_equal(atomic_load(&r.acquired), 4);
    ref = running_live(&r);
    for (size_t i = 1; i <= 3; i++) {
        server_set_live(r.server, &ref);
        assert_int_equal(atomic_load(&r.acquired), 4 + 4 * i);
        WAIT_UNTIL(atomic_load(&r.released) == 4 * i);
    }
    fd = dial(&r.address); /* a request keeps the one it came in under */
    send_all(fd, SLICE_LIT(LATER));
    WAIT_UNTIL(atomic_load(&r.suspended) == 1);
    server_set_live(r.server, &ref);
    WAIT_UNTIL(atomic_load(&r.released) == 15);
    pending_resume(&r.job);
    assert_true(read_until(fd, &b, "\r\n\r\nlate", 1));
    WAIT_UNTIL(atomic_load(&r.released) == 16);
    (void)close(fd);
    buf_release(&b);
    running_stop(&r); /* the rest, too */
}

RUN_TESTS(T(eight_connections_on_four_workers_are_two_each),
          T(the_worker_with_the_fewest_gets_the_next),
          T(a_server_is_freed_with_connections_open),
          T(a_drain_lets_requests_in_flight_finish),
          T(a_drain_of_nothing_is_over_at_once),
          T(what_waits_to_be_accepted_is_served_in_a_drain),
          T(a_cut_ends_what_would_not_end),
          T(every_worker_holds_the_live_configuration_and_gives_it_back))
