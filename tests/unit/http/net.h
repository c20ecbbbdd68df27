/* SPDX-License-Identifier: MIT */
/*
 * What tests with real sockets share: a listener on a free port of loopback, plain clients, and
 * waiting for another thread without guessing how long it takes.
 */
#ifndef SIDELIGHT_TESTS_HTTP_NET_H
#define SIDELIGHT_TESTS_HTTP_NET_H

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than any wait that ends well; only a broken test reaches it. */
enum { PATIENCE_SECONDS = 60 };

static UNUSED void wait_a_bit(uint64_t since_ns)
{
    assert_true(clock_mono_ns() - since_ns < PATIENCE_SECONDS * NS_PER_SEC);
    clock_sleep_ms(1);
}

#define WAIT_UNTIL(cond) for (uint64_t since_ = clock_mono_ns(); !(cond); wait_a_bit(since_))

static UNUSED int listen_somewhere(void)
{
    struct err err = ERR_INIT;
    struct host_port hp;
    int fd = -1;

    assert_true(host_port_parse(SLICE_LIT("127.0.0.1:0"), &hp, &err));
    if (!listen_open(&hp, &fd, &err))
        fail_msg("%s", err.text);
    return fd;
}

static UNUSED struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof(sa);

    memset(&sa, 0, sizeof(sa));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    return sa;
}

/* A blocking client; -1 when it is refused, or reset because the listener closes just now. */
static UNUSED int try_dial(const struct sockaddr_in *to)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
        return fd;
    assert_true(errno == ECONNREFUSED || errno == ECONNRESET);
    assert_int_equal(close(fd), 0);
    return -1;
}

static UNUSED int dial(const struct sockaddr_in *to)
{
    int fd = try_dial(to);

    assert_true(fd >= 0);
    return fd;
}

/* Nobody listens there any more. */
static UNUSED bool refused(const struct sockaddr_in *to)
{
    int fd = try_dial(to);

    if (fd >= 0)
        (void)close(fd);
    return fd < 0;
}

static UNUSED void send_all(int fd, struct slice s)
{
    assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), s.n);
}

/* Reads until `part` has come, `times` times; false when the connection ends first. */
static UNUSED bool read_until(int fd, struct buf *b, const char *part, size_t times)
{
    for (;;) {
        size_t n = 0;
        ssize_t got;
        const char *at = b->data;

        while (at != NULL &&
               (at = memmem(at, b->len - (size_t)(at - b->data), part, strlen(part))) != NULL) {
            n++;
            at += strlen(part);
        }
        if (n >= times)
            return true;
        got = recv(fd, buf_reserve(b, 4096), 4096, 0);
        if (got <= 0)
            return false;
        b->len += (size_t)got;
    }
}

/* Everything until the other end closes. */
static UNUSED void read_to_end(int fd, struct buf *b)
{
    ssize_t got;

    while ((got = recv(fd, buf_reserve(b, 4096), 4096, 0)) > 0)
        b->len += (size_t)got;
    assert_int_equal(got, 0);
}

static UNUSED bool buf_has(const struct buf *b, const char *part)
{
    return b->len > 0 && memmem(b->data, b->len, part, strlen(part)) != NULL;
}

#endif
