/* SPDX-License-Identifier: MIT */
/* Listening sockets: what is bound, how it is named, and which failures may pass. */
#include "tests/unit/http/net.h"

#include <fcntl.h>
#include <stdio.h>

static struct host_port parse(const char *text)
{
    struct err err = ERR_INIT;
    struct host_port hp;

    assert_true(host_port_parse(slice_str(text), &hp, &err));
    return hp;
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
    return value;
}

TEST(a_listener_listens_and_never_blocks_or_leaks)
{
    int fd = listen_somewhere(), client;
    struct sockaddr_in sa = address_of(fd);

    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(option(fd, SO_ACCEPTCONN), 1);
    assert_int_equal(option(fd, SO_REUSEADDR), 1);
    assert_int_equal(option(fd, SO_REUSEPORT), 0);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    client = dial(&sa);
    (void)close(client);
    (void)close(fd);
}

/* Left to itself the kernel lets it grow to megabytes, all of which a pipelining client makes into requests. */
TEST(the_kernel_holds_only_so_much_that_nobody_has_read)
{
    int fd = listen_somewhere(), client, accepted = -1;
    struct sockaddr_in sa = address_of(fd);

    client = dial(&sa);
    WAIT_UNTIL((accepted = accept(fd, NULL, NULL)) >= 0);
    assert_in_range(option(accepted, SO_RCVBUF), 4096,
                    2 * LISTEN_RECEIVE_BUFFER); /* Linux doubles it */
    (void)close(accepted);
    (void)close(client);
    (void)close(fd);
}

TEST(a_listener_is_named_as_it_was_bound)
{
    char text[LISTEN_TEXT_MAX], want[LISTEN_TEXT_MAX];
    int fd = listen_somewhere(), v6 = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct host_port hp = parse("[::1]:0");

    listen_text(fd, text);
    (void)snprintf(want, sizeof(want), "127.0.0.1:%u", (unsigned)ntohs(address_of(fd).sin_port));
    assert_string_equal(text, want);
    if (listen_open(&hp, &v6, NULL)) { /* where there is no IPv6, nothing is to be seen */
        listen_text(v6, text);
        assert_memory_equal(text, "[::1]:", 6);
        assert_string_not_equal(text, "[::1]:0");
        (void)close(v6);
    }
    listen_text(null, text);
    assert_string_equal(text, "?");
    (void)close(null);
    (void)close(fd);
}

TEST(a_name_is_resolved)
{
    struct host_port hp = parse("localhost:0");
    struct err err = ERR_INIT;
    int fd = -1;

    assert_true(listen_open(&hp, &fd, &err));
    assert_true(fd >= 0);
    (void)close(fd);
}

static void expect_failure(const struct host_port *hp, enum err_kind kind)
{
    struct err err = ERR_INIT;
    int fd = 12345;

    assert_false(listen_open(hp, &fd, &err));
    assert_int_equal(fd, 12345);
    assert_int_equal(err.kind, kind);
    assert_true(strlen(err.text) > 0);
    assert_false(listen_open(hp, &fd, NULL));
}

TEST(a_port_in_use_fails_for_good)
{
    char text[LISTEN_TEXT_MAX];
    int fd = listen_somewhere();
    struct host_port hp;

    listen_text(fd, text);
    hp = parse(text);
    expect_failure(&hp, ERR_IO);
    (void)close(fd);
}

TEST(what_may_come_to_be_is_unavailable)
{
    const struct host_port other = parse("192.0.2.1:0"); /* an address of another host (RFC 5737) */
    char label[70];
    const struct host_port unknown = {
        .host = {label, sizeof(label)}
    };

    memset(label, 'a', sizeof(label)); /* too long for a label: no resolver is asked */
    expect_failure(&other, ERR_UNAVAILABLE);
    expect_failure(&unknown, ERR_UNAVAILABLE);
}

TEST(a_name_too_long_for_any_resolver_is_invalid)
{
    char text[256];
    const struct host_port hp = {
        .host = {text, sizeof(text)}
    };

    memset(text, 'a', sizeof(text));
    expect_failure(&hp, ERR_INVALID);
}

RUN_TESTS(T(a_listener_listens_and_never_blocks_or_leaks),
          T(the_kernel_holds_only_so_much_that_nobody_has_read),
          T(a_listener_is_named_as_it_was_bound),
          T(a_name_is_resolved),
          T(a_port_in_use_fails_for_good),
          T(what_may_come_to_be_is_unavailable),
          T(a_name_too_long_for_any_resolver_is_invalid))
