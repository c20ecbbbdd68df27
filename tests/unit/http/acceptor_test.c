/* SPDX-License-Identifier: MIT */
/*
 * The acceptor thread: connections are handed over, up to the cap; a shortage makes it pause; a
 * stop loses nobody.
 */
#include "http/acceptor.h"

#include "tests/unit/http/net.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { TAKEN_MAX = 64 };

struct fixture {
    struct registry *registry;
    struct http_metrics *metrics;
    struct acceptor_options opt;
    struct acceptor *acceptor;
    struct sockaddr_in address;
    _Atomic size_t taken; /* handed over; written last */
    int fds[TAKEN_MAX];
    struct ip peers[TAKEN_MAX];
    int clients[TAKEN_MAX];
    size_t n_clients;
};

static void hand_over(void *arg, int fd, const struct sockaddr *peer)
{
    struct fixture *x = arg;
    size_t i = atomic_load(&x->taken);

    MUST(i < TAKEN_MAX && ip_from_sockaddr(peer, &x->peers[i]));
    x->fds[i] = fd;
    atomic_store(&x->taken, i + 1);
}

/* An acceptor that has not been started. */
static void make(struct fixture *x, size_t max_connections)
{
    struct err err = ERR_INIT;

    memset(x, 0, sizeof(*x));
    x->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){1, METRICS_MAX_SAMPLES});
    x->metrics = http_metrics_new(x->registry);
    x->opt = (struct acceptor_options){.listen_fd = listen_somewhere(),
                                       .max_connections = max_connections,
                                       .metrics = x->metrics,
                                       .shard = registry_shard(x->registry, 0),
                                       .hand_over = hand_over,
                                       .arg = x};
    x->address = address_of(x->opt.listen_fd);
    assert_true(acceptor_new(&x->opt, &x->acceptor, &err));
}

static void start(struct fixture *x)
{
    struct err err = ERR_INIT;

    assert_true(acceptor_start(x->acceptor, &err));
}

static void connect_clients(struct fixture *x, size_t n)
{
    while (n-- > 0)
        x->clients[x->n_clients++] = dial(&x->address);
}

static void destroy(struct fixture *x)
{
    size_t taken;

    acceptor_free(x->acceptor);
    taken = atomic_load(&x->taken);
    for (size_t i = 0; i < taken; i++)
        (void)close(x->fds[i]);
    for (size_t i = 0; i < x->n_clients; i++)
        (void)close(x->clients[i]);
    http_metrics_free(x->metrics);
    registry_free(x->registry);
}

static uint64_t value(const struct fixture *x, struct metric m)
{
    return metric_value(x->registry, m);
}

TEST(every_connection_is_handed_over_with_its_peer)
{
    struct fixture x;

    make(&x, 1000);
    start(&x);
    connect_clients(&x, 20);
    WAIT_UNTIL(atomic_load(&x.taken) == 20);
    assert_int_equal(acceptor_open(x.acceptor), 20);
    assert_int_equal(value(&x, x.metrics->accepted), 20);
    for (size_t i = 0; i < 20; i++) {
        assert_true(ip_is_loopback(&x.peers[i]));
        acceptor_closed(x.acceptor);
    }
    assert_int_equal(acceptor_open(x.acceptor), 0);
    assert_int_equal(value(&x, x.metrics->accept_pauses), 0);
    assert_false(acceptor_stopped(x.acceptor));
    destroy(&x);
}

TEST(nobody_is_accepted_before_the_start)
{
    struct fixture x;

    make(&x, 1000);
    connect_clients(&x, 3); /* they wait in the kernel's queue */
    assert_int_equal(atomic_load(&x.taken), 0);
    start(&x);
    WAIT_UNTIL(atomic_load(&x.taken) == 3);
    destroy(&x);
}

TEST(at_the_cap_connections_wait_until_one_closes)
{
    struct fixture x;

    make(&x, 2);
    start(&x);
    connect_clients(&x, 5);
    for (size_t pauses = 1; pauses <= 4; pauses++) {
        WAIT_UNTIL(value(&x, x.metrics->accept_pauses) == pauses);
        assert_int_equal(atomic_load(&x.taken), pauses + 1);
        assert_int_equal(acceptor_open(x.acceptor), 2);
        acceptor_closed(x.acceptor);
    }
    assert_int_equal(acceptor_open(x.acceptor), 1);
    connect_clients(&x, 1);
    WAIT_UNTIL(atomic_load(&x.taken) == 6);
    assert_int_equal(value(&x, x.metrics->accepted), 6);
    destroy(&x);
}

TEST(at_the_cap_it_is_crowded_while_somebody_waits)
{
    struct fixture x;

    make(&x, 2);
    start(&x);
    connect_clients(&x, 2);
    WAIT_UNTIL(value(&x, x.metrics->accept_pauses) == 1);
    assert_false(acceptor_crowded(x.acceptor));
    connect_clients(&x, 1);
    WAIT_UNTIL(acceptor_crowded(x.acceptor));
    acceptor_closed(x.acceptor);
    WAIT_UNTIL(atomic_load(&x.taken) == 3 && !acceptor_crowded(x.acceptor));
    connect_clients(&x, 2);
    WAIT_UNTIL(acceptor_crowded(x.acceptor));
    acceptor_closed(x.acceptor);
    WAIT_UNTIL(atomic_load(&x.taken) == 4);
    WAIT_UNTIL(acceptor_crowded(x.acceptor)); /* the other one */
    acceptor_stop(x.acceptor);
    WAIT_UNTIL(acceptor_stopped(x.acceptor));
    assert_false(acceptor_crowded(x.acceptor));
    destroy(&x);
}

TEST(many_closes_at_the_cap_lose_no_wake_up)
{
    struct fixture x;

    make(&x, 1);
    start(&x);
    connect_clients(&x, TAKEN_MAX);
    for (size_t i = 1; i <= TAKEN_MAX;
         i++) { /* each close races with the acceptor's falling asleep */
        WAIT_UNTIL(atomic_load(&x.taken) == i);
        acceptor_closed(x.acceptor);
    }
    destroy(&x);
}

TEST(a_stop_takes_what_waits_and_closes_the_listener)
{
    struct fixture x;

    make(&x, 1000);
    connect_clients(&x, 30);
    acceptor_stop(x.acceptor);
    start(&x);
    WAIT_UNTIL(acceptor_stopped(x.acceptor));
    assert_int_equal(atomic_load(&x.taken), 30);
    assert_int_equal(acceptor_open(x.acceptor), 30);
    assert_true(refused(&x.address));
    acceptor_join(x.acceptor);
    acceptor_join(x.acceptor); /* again changes nothing */
    for (size_t i = 0; i < 30; i++)
        acceptor_closed(x.acceptor); /* may still come */
    assert_int_equal(acceptor_open(x.acceptor), 0);
    destroy(&x);
}

TEST(a_stop_wakes_an_acceptor_that_sleeps_or_is_at_the_cap)
{
    for (size_t clients = 0; clients < 3; clients++) {
        struct fixture x;

        make(&x, 1);
        start(&x);
        connect_clients(&x, clients);
        WAIT_UNTIL(atomic_load(&x.taken) == (clients > 0));
        acceptor_stop(x.acceptor);
        WAIT_UNTIL(acceptor_stopped(x.acceptor));
        assert_int_equal(atomic_load(&x.taken), clients); /* who waited beyond the cap, too */
        destroy(&x);
    }
}

TEST(an_acceptor_that_never_started_closes_its_listener)
{
    struct fixture x;

    make(&x, 1000);
    acceptor_free(x.acceptor);
    x.acceptor = NULL;
    assert_true(refused(&x.address));
    destroy(&x); /* frees NULL */
}

TEST(without_descriptors_it_pauses_and_then_goes_on)
{
    struct rlimit lim, low;
    struct fixture x;
    int lowest;

    make(&x, 1000);
    connect_clients(&x, 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
    lowest = dup(STDIN_FILENO);
    assert_true(lowest >= 0);
    (void)close(lowest);
    low = (struct rlimit){(rlim_t)lowest, lim.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    start(&x);
    WAIT_UNTIL(value(&x, x.metrics->accept_errors[0]) >= 2); /* it tried, paused, and tried again */
    assert_int_equal(atomic_load(&x.taken), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
    WAIT_UNTIL(atomic_load(&x.taken) == 2);
    assert_int_equal(value(&x, x.metrics->accept_errors[1]), 0);
    destroy(&x);
}

RUN_TESTS(T(every_connection_is_handed_over_with_its_peer),
          T(nobody_is_accepted_before_the_start),
          T(at_the_cap_connections_wait_until_one_closes),
          T(at_the_cap_it_is_crowded_while_somebody_waits),
          T(many_closes_at_the_cap_lose_no_wake_up),
          T(a_stop_takes_what_waits_and_closes_the_listener),
          T(a_stop_wakes_an_acceptor_that_sleeps_or_is_at_the_cap),
          T(an_acceptor_that_never_started_closes_its_listener),
          T(without_descriptors_it_pauses_and_then_goes_on))
