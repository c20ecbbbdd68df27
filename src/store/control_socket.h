/* SPDX-License-Identifier: MIT */
/*
 * What both ends of `<store>.sock` share: its address, and single lines. Private to
 * store/control*.c.
 */
#ifndef SIDELIGHT_STORE_CONTROL_SOCKET_H
#define SIDELIGHT_STORE_CONTROL_SOCKET_H

#include "base/buf.h"
#include "base/err.h"

/* The socket's path of the store at `path`; the caller releases `ret`. */
void control_socket_path(const char *path, struct buf *ret);

/*
 * A new stream socket that listens at, or is connected to, `path`. A sun_path has room for 107
 * bytes; a longer path is reached through a descriptor of its directory, so that only its last part
 * is limited, to some 80 bytes. Connecting: ERR_NOT_FOUND when nobody listens there.
 */
MUST_CHECK bool control_listen(const char *path, int *ret_fd, struct err *err);
MUST_CHECK bool control_connect(const char *path, int *ret_fd, struct err *err);

/*
 * Appends what comes up to the first newline, without it, to `ret`. Fails when that is more than
 * `max` bytes, when the other side ends first, when `until_ns` (monotonic; 0: never) comes, or when
 * `stop_fd` (-1: none) becomes readable.
 */
struct control_wait {
    int stop_fd;
    uint64_t until_ns;
};
MUST_CHECK bool control_read_line(
    int fd, const struct control_wait *wait, size_t max, struct buf *ret, struct err *err);
/*
 * Sends `line`, newline included, which a new connection's buffer always has room for. False: the
 * other side is gone.
 */
bool control_write_line(int fd, struct slice line);

#endif
