/* SPDX-License-Identifier: MIT */
/* Addresses of any length, and lines with a deadline. */
#include "store/control_socket.h"

#include "base/clock.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 16,
    CONNECT_SECONDS = 5, /* while the backlog is full */
};

void control_socket_path(const char *path, struct buf *ret)
{
    buf_addf(ret, "%s.sock", path);
    (void)buf_cstr(ret);
}

/* ---- addresses ---- */

struct address {
    struct sockaddr_un sun;
    int directory; /* to be closed after use; -1: none was needed */
};

static bool address_in_directory(const char *path, struct address *ret, struct err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char directory[PATH_MAX];
    struct sockaddr_un *sun = &ret->sun;
    int fd, n;

    if (!place_directory(path, directory, err))
        return false;
    fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        n = errno;
        (void)err_set_errno(err, n, "cannot open '%s'", directory);
        if (err != NULL && n == ENOENT)
            err->kind = ERR_NOT_FOUND;
        return false;
    }
    n = snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d/%s", fd, name);
    if (n < 0 || (size_t)n >= sizeof(sun->sun_path)) {
        (void)close(fd);
        return err_set(err, ERR_NOT_FOUND, "'%s' is too long a name for a socket", name);
    }
    ret->directory = fd;
    return true;
}

static bool address_of(const char *path, struct address *ret, struct err *err)
{
    size_t n = strlen(path);

    *ret = (struct address){.sun.sun_family = AF_UNIX, .directory = -1};
    if (n >= sizeof(ret->sun.sun_path))
        return address_in_directory(path, ret, err);
    memcpy(ret->sun.sun_path, path, n + 1);
    return true;
}

/* bind(2) or connect(2). */
typedef int attach_fn(int fd, const struct sockaddr *address, socklen_t n);

/* Returns errno; 0: done. */
static int attach(int fd, attach_fn *fn, const struct address *a)
{
    int rc = 0;

    if (fd < 0 || fn(fd, (const struct sockaddr *)&a->sun, sizeof(a->sun)) != 0)
        rc = errno;
    if (a->directory >= 0)
        (void)close(a->directory);
    return rc;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void close_socket(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

bool control_listen(const char *path, int *ret_fd, struct err *err)
{
    struct address a;
    int fd, rc;

    if (!address_of(path, &a, err))
        return false;
    fd = new_socket();
    if (fd >= 0)
        (void)fchmod(fd, 0600); /* the file takes its mode from the socket, so it is never wider */
    rc = attach(fd, bind, &a);
    if (rc == 0 && listen(fd, BACKLOG) != 0)
        rc = errno;
    if (rc == 0) {
        *ret_fd = fd;
        return true;
    }
    close_socket(fd);
    return err_set_errno(err, rc, "cannot listen at '%s'", path);
}

bool control_connect(const char *path, int *ret_fd, struct err *err)
{
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    struct address a;
    int fd, rc;

    if (!address_of(path, &a, err))
        return false;
    fd = new_socket();
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    rc = attach(fd, connect, &a);
    if (rc == 0) {
        *ret_fd = fd;
        return true;
    }
    close_socket(fd);
    (void)err_set_errno(err, rc, "cannot reach the server at '%s'", path);
    if (err != NULL && (rc == ENOENT || rc == ENOTDIR || rc == ECONNREFUSED))
        err->kind = ERR_NOT_FOUND;
    return false;
}

/* ---- lines ---- */

/* Until `fd` has something to read, or is at its end. */
static bool wait_readable(int fd, const struct control_wait *wait, struct err *err)
{
    struct pollfd fds[] = {
        {.fd = fd,            .events = POLLIN},
        {.fd = wait->stop_fd, .events = POLLIN}
    };
    uint64_t now = clock_mono_ns();
    int ms = -1;

    if (wait->until_ns > 0 && now >= wait->until_ns)
        return err_set(err, ERR_UNAVAILABLE, "no line came in time");
    if (wait->until_ns > 0)
        ms = (int)((wait->until_ns - now) / NS_PER_MS) + 1;
    (void)poll(fds, ARRAY_LEN(fds), ms);
    if (fds[1].revents != 0)
        return err_set(err, ERR_UNAVAILABLE, "the server stops");
    return true;
}

bool control_read_line(
    int fd, const struct control_wait *wait, size_t max, struct buf *ret, struct err *err)
{
    char chunk[1024];
    const char *end;
    ssize_t n;

    do {
        if (!wait_readable(fd, wait, err))
            return false;
        n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        end = n > 0 ? memchr(chunk, '\n', (size_t)n) : NULL;
        if (n > 0)
            buf_add(ret, chunk, end != NULL ? (size_t)(end - chunk) : (size_t)n);
        else if (n == 0)
            return err_set(err, ERR_IO, "the other side ended without a line");
        else if (errno != EAGAIN && errno != EINTR)
            return err_set_errno(err, errno, "cannot read");
        if (ret->len > max)
            return err_set(err, ERR_INVALID, "the line has more than %zu bytes", max);
    } while (end == NULL);
    return true;
}

bool control_write_line(int fd, struct slice line)
{
    return send(fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)line.n;
}
