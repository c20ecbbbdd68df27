/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: TCP, non-blocking, close-on-exec, SO_REUSEADDR but not SO_REUSEPORT, so that a
 * second process on the same port fails loudly.
 */
#ifndef SIDELIGHT_HTTP_LISTEN_H
#define SIDELIGHT_HTTP_LISTEN_H

#include "base/net.h"

enum {
    LISTEN_TEXT_MAX = 64,
    LISTEN_BACKLOG = 4096, /* connections waiting for accept; the kernel cuts it to somaxconn */
    /*
     * Bytes the kernel may hold for a connection that we have not read. libh2o reads all there is
     * before it looks at another connection and keeps every pipelined request of it in memory; left
     * to the kernel this is up to 6 MB, and eight pipelining clients kept others waiting for
     * seconds.
     */
    LISTEN_RECEIVE_BUFFER = 64 * 1024,
};

/* Bounds what the kernel holds for connections accepted from `fd`, a listening socket. */
void listen_bound(int fd);

/* "192.0.2.1:8000" or "[::1]:8000" of a bound socket, NUL-terminated. */
void listen_text(int fd, char text[LISTEN_TEXT_MAX]);

/*
 * Binds `hp`; a name is resolved (this blocks) and the first of its addresses that is local is
 * bound. ERR_UNAVAILABLE when the name does not resolve yet or none of its addresses is local;
 * ERR_IO for the rest (port in use, no permission).
 */
MUST_CHECK bool listen_open(const struct host_port *hp, int *ret_fd, struct err *err);

#endif
