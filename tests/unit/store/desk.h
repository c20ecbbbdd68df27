/* SPDX-License-Identifier: MIT */
/*
 * A fake store with its socket, and clients that send bytes.
 */
#ifndef SIDELIGHT_TESTS_STORE_DESK_H
#define SIDELIGHT_TESTS_STORE_DESK_H

#include "store/control.h"
#include "tests/unit/store/fake.h"

#include <sys/socket.h>
#include <sys/un.h>

#define ID "019a0000-0000-7000-8000-000000000001"

/* A fake store with its socket. */
struct desk {
    struct bench bench;
    struct store_control *control;
    char socket[104];
};

static void desk_open_with(struct desk *d, uint32_t request_ms)
{
    struct store_control_options options;
    struct err err = ERR_INIT;

    bench_start(&d->bench);
    options = (struct store_control_options){
        .path = d->bench.place.path, .store = d->bench.store, .request_ms = request_ms};
    (void)snprintf(d->socket, sizeof(d->socket), "%s.sock", options.path);
    d->control = NULL;
    if (!store_control_new(&options, &d->control, &err))
        fail_msg("%s", err.text);
}

UNUSED static void desk_open(struct desk *d)
{
    desk_open_with(d, 0);
}

static void desk_close(struct desk *d)
{
    store_control_free(d->control);
    assert_int_not_equal(access(d->socket, F_OK), 0);
    bench_end(&d->bench);
}

UNUSED static int connect_to(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof(sun.sun_path));
    memcpy(sun.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    return fd;
}

UNUSED static void send_bytes(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* refused before it was all there */
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* All that comes until the end, NUL-terminated. */
UNUSED static void receive(int fd, char *text, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while (got + 1 < size && (n = recv(fd, text + got, size - 1 - got, 0)) > 0)
        got += (size_t)n;
    text[got] = '\0';
}

UNUSED static void exchange(struct desk *d, const char *bytes, size_t n, char *text, size_t size)
{
    int fd = connect_to(d->socket);

    send_bytes(fd, bytes, n);
    receive(fd, text, size);
    (void)close(fd);
}

#endif
