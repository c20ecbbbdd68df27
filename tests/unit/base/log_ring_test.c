/* SPDX-License-Identifier: MIT */
/* One ring: wrapping, being full, and the handshake that wakes the writer. */
#include "base/buf.h"
#include "base/log_ring.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct log_ring *open_ring(struct log_waker *waker)
{
    struct log_ring *ring = NULL;
    struct err err = ERR_INIT;

    *waker = (struct log_waker){LOG_AWAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(waker->fd >= 0);
    if (!log_ring_open(waker, &ring, &err))
        fail_msg("%s", err.text);
    return ring;
}

static void close_ring(struct log_ring *ring)
{
    (void)close(ring->waker->fd);
    log_ring_close(ring);
}

/* A line of `len` bytes that ends in a newline and otherwise repeats one letter. */
static bool put_line(struct log_ring *ring, size_t len, char letter)
{
    char *p = log_write_start(ring);

    if (p == NULL)
        return false;
    memset(p, letter, len - 1);
    p[len - 1] = '\n';
    log_write_commit(ring, p + len);
    return true;
}

static void expect_line(struct log_ring *ring, size_t len, char letter)
{
    struct slice waits = log_ring_peek(ring);

    assert_true(waits.n >= len);
    for (size_t i = 0; i + 1 < len; i++)
        assert_int_equal(waits.p[i], letter);
    assert_int_equal(waits.p[len - 1], '\n');
    log_ring_skip(ring, len, 0);
}

static bool signalled(const struct log_waker *waker)
{
    uint64_t v;

    return read(waker->fd, &v, sizeof(v)) == sizeof(v);
}

TEST(lines_come_out_whole_and_in_order_wherever_they_start)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);
    size_t len = 1;

    assert_int_equal(log_ring_peek(ring).n, 0);
    for (unsigned i = 0; i < 1000; i++) { /* 4 MB: sixteen times around */
        size_t next = len * 7919 % LOG_LINE_MAX + 1;

        assert_true(put_line(ring, len, (char)('a' + i % 26)));
        assert_true(put_line(ring, next, (char)('A' + i % 26)));
        expect_line(ring, len, (char)('a' + i % 26));
        expect_line(ring, next, (char)('A' + i % 26));
        len = next;
    }
    assert_int_equal(log_ring_peek(ring).n, 0);
    assert_int_equal(ring->lines, 2000);
    assert_int_equal(ring->dropped, 0);
    close_ring(ring);
}

TEST(a_full_ring_drops_whole_lines_and_counts_them)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);
    uint64_t taken = 0;

    while (put_line(ring, 1000, 'x'))
        taken++;
    assert_true(taken * 1000 <= LOG_RING_SIZE);
    assert_true(taken * 1000 > LOG_RING_SIZE - LOG_LINE_MAX);
    assert_int_equal(ring->dropped, 1);
    assert_false(put_line(ring, 2, 'x'));
    assert_int_equal(ring->dropped, 2);
    assert_int_equal(ring->lines, taken);
    for (unsigned i = 0; i < 9; i++)
        expect_line(ring, 1000, 'x');
    assert_true(put_line(ring, 1000, 'y'));
    for (uint64_t i = 9; i < taken; i++)
        expect_line(ring, 1000, 'x');
    expect_line(ring, 1000, 'y');
    assert_int_equal(log_ring_peek(ring).n, 0);
    close_ring(ring);
}

TEST(a_line_may_fill_all_the_room_it_was_given)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);

    for (unsigned i = 0; i < LOG_RING_SIZE / LOG_LINE_MAX; i++)
        assert_true(put_line(ring, LOG_LINE_MAX, 'x'));
    assert_false(put_line(ring, 1, 'x'));
    assert_int_equal(log_ring_peek(ring).n, LOG_RING_SIZE);
    close_ring(ring);
}

TEST(losses_are_counted_by_the_writer)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);

    assert_true(put_line(ring, 10, 'x'));
    log_ring_skip(ring, 10, 1);
    assert_int_equal(ring->lost, 1);
    assert_int_equal(ring->lines, 1);
    close_ring(ring);
}

TEST(a_writer_that_is_awake_is_not_disturbed)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);

    while (put_line(ring, 1000, 'x'))
        ;
    assert_false(signalled(&waker));
    close_ring(ring);
}

TEST(a_sleeping_writer_is_woken_by_the_first_line_only)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);

    atomic_store(&waker.state, LOG_ASLEEP);
    assert_true(put_line(ring, 10, 'x'));
    assert_true(signalled(&waker));
    assert_int_equal(atomic_load(&waker.state), LOG_AWAKE);
    assert_true(put_line(ring, 10, 'x'));
    assert_false(signalled(&waker));
    close_ring(ring);
}

TEST(a_napping_writer_is_woken_when_the_ring_is_half_full)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);
    size_t len = 0;

    /* Half a ring went through before: what counts is what waits. */
    for (; len < LOG_RING_SIZE / 2; len += 1000) {
        assert_true(put_line(ring, 1000, 'x'));
        expect_line(ring, 1000, 'x');
    }
    atomic_store(&waker.state, LOG_NAPPING);
    for (len = 0; len + 1000 <= LOG_RING_SIZE / 2; len += 1000) {
        assert_true(put_line(ring, 1000, 'x'));
        assert_false(signalled(&waker));
    }
    assert_true(put_line(ring, 1000, 'x'));
    assert_true(signalled(&waker));
    close_ring(ring);
}

enum { ROUNDS = 5000 };

/* A writer that sleeps without a bound after every line: one lost wake-up and the test hangs. */
static void *sleepy_writer(void *arg)
{
    struct log_ring *ring = arg;
    struct pollfd wait = {ring->waker->fd, POLLIN, 0};

    for (size_t seen = 0; seen < ROUNDS;) {
        struct slice waits = log_ring_peek(ring);

        for (size_t i = 0; i < waits.n; i++)
            seen += waits.p[i] == '\n';
        log_ring_skip(ring, waits.n, 0);
        if (seen == ROUNDS)
            break;
        atomic_store(&ring->waker->state, LOG_ASLEEP);
        if (log_ring_peek(ring).n == 0 && poll(&wait, 1, -1) == 1)
            (void)signalled(ring->waker);
        atomic_store(&ring->waker->state, LOG_AWAKE);
    }
    return NULL;
}

TEST(no_wake_up_is_lost)
{
    struct log_waker waker;
    struct log_ring *ring = open_ring(&waker);
    pthread_t thread;
    unsigned sent = 0;

    assert_int_equal(pthread_create(&thread, NULL, sleepy_writer, ring), 0);
    while (sent < ROUNDS) {
        assert_true(put_line(ring, 20, 'x'));
        sent++;
        while (atomic_load(&ring->tail) != atomic_load(&ring->head)) /* the next finds it asleep */
            ;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(ring->lines, ROUNDS);
    assert_int_equal(ring->dropped, 0);
    close_ring(ring);
}

RUN_TESTS(T(lines_come_out_whole_and_in_order_wherever_they_start),
          T(a_full_ring_drops_whole_lines_and_counts_them),
          T(a_line_may_fill_all_the_room_it_was_given),
          T(losses_are_counted_by_the_writer),
          T(a_writer_that_is_awake_is_not_disturbed),
          T(a_sleeping_writer_is_woken_by_the_first_line_only),
          T(a_napping_writer_is_woken_when_the_ring_is_half_full),
          T(no_wake_up_is_lost))
