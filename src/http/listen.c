/* SPDX-License-Identifier: MIT */
/* Opening listening sockets, by address or by name. */
#include "http/listen.h"

#include "base/buf.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

void listen_text(int fd, char text[LISTEN_TEXT_MAX])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
    socklen_t len = sizeof(addr);
    struct ip ip;
    char *p = text;
    bool v6;

    memset(&addr, 0, sizeof(addr));
    if (getsockname(fd, &addr.any, &len) != 0 || !ip_from_sockaddr(&addr.any, &ip)) {
        memcpy(text, "?", 2);
        return;
    }
    v6 = addr.any.sa_family == AF_INET6;
    if (v6)
        *p++ = '[';
    p = ip_format(&ip, p);
    if (v6)
        *p++ = ']';
    *p++ = ':';
    p = fmt_u64(p, ntohs(v6 ? addr.v6.sin6_port : addr.v4.sin_port));
    *p = '\0';
}

void listen_bound(int fd)
{
    const int buffer = LISTEN_RECEIVE_BUFFER;

    /* Accepted sockets inherit it. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
}

/* One address. On failure errno says why, and nothing is left open. */
static int open_one(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, saved;

    if (fd < 0)
        return -1;
    listen_bound(fd);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static bool open_any(
    const struct addrinfo *list, const char *host, const char *port, int *ret_fd, struct err *err)
{
    int fd = -1, why = 0;

    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
        fd = open_one(ai);
        /* An address of another host is expected; anything else is the better reason. */
        if (fd < 0 && (why == 0 || errno != EADDRNOTAVAIL))
            why = errno;
    }
    if (fd < 0) {
        (void)err_set_errno(err, why, "cannot listen on %s port %s", host, port);
        if (err != NULL)
            err->kind = why == EADDRNOTAVAIL ? ERR_UNAVAILABLE : ERR_IO;
        return false;
    }
    *ret_fd = fd;
    return true;
}

bool listen_open(const struct host_port *hp, int *ret_fd, struct err *err)
{
    char host[256], port[FMT_U64 + 1];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags =
                                 AI_PASSIVE | AI_NUMERICSERV | (hp->numeric ? AI_NUMERICHOST : 0)};
    struct addrinfo *list = NULL;
    int rc;
    bool ok;

    if (hp->host.n >= sizeof(host))
        return err_set(err, ERR_INVALID, "the host name is longer than %zu bytes",
                       sizeof(host) - 1);
    *fmt_slice(host, hp->host) = '\0';
    *fmt_u64(port, hp->port) = '\0';
    rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0)
        return err_set(err, ERR_UNAVAILABLE, "cannot resolve %s: %s", host, gai_strerror(rc));
    ok = open_any(list, host, port, ret_fd, err);
    freeaddrinfo(list);
    return ok;
}
