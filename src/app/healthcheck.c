/* SPDX-License-Identifier: MIT */
/*
 * `sidelight healthcheck`: one request to the public port of the same configuration, for container
 * health checks.
 */
#include "app/app.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEALTHCHECK_SECONDS = 3, /* from the first connection to the status */
    STATUS_LINE_MAX = 256,
};

/* Where to ask: a wildcard address listens on loopback, too. */
static struct slice target_host(const struct host_port *hp)
{
    static const struct ip any6 = {{0}};
    static const struct ip any4 = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}
    };

    if (hp->numeric && memcmp(&hp->ip, &any4, sizeof(any4)) == 0)
        return SLICE_LIT("127.0.0.1");
    if (hp->numeric && memcmp(&hp->ip, &any6, sizeof(any6)) == 0)
        return SLICE_LIT("::1");
    return hp->host;
}

/* Until `fd` is ready, or has failed, which the next call tells; false: the time is over. */
static bool wait_for(int fd, short events, uint64_t end_ns)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    uint64_t now;
    int rc;

    do {
        now = clock_mono_ns();
        if (now >= end_ns)
            return false;
        rc = poll(&pfd, 1, (int)((end_ns - now) / NS_PER_MS) + 1);
    } while (rc == 0 || (rc < 0 && errno == EINTR));
    return rc > 0;
}

/* A connected socket that never blocks; -1: none. */
static int connect_one(const struct addrinfo *ai, uint64_t end_ns)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = 0;
    socklen_t n = sizeof(failed);

    if (fd < 0)
        return -1;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, end_ns) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) == 0 && failed == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static int connect_any(const struct addrinfo *list, uint64_t end_ns)
{
    int fd = -1;

    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
        fd = connect_one(ai, end_ns);
    return fd;
}

static bool dial(const struct host_port *hp, uint64_t end_ns, int *ret_fd, struct err *err)
{
    struct buf host = BUF_INIT, port = BUF_INIT;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;

    buf_add_slice(&host, target_host(hp));
    buf_add_u64(&port, hp->port);
    if (getaddrinfo(buf_cstr(&host), buf_cstr(&port), &hints, &list) == 0) {
        fd = connect_any(list, end_ns);
        freeaddrinfo(list);
    }
    if (fd < 0)
        err_set(err, ERR_UNAVAILABLE, "nothing answers on %s port %u", buf_cstr(&host),
                (unsigned)hp->port);
    buf_release(&host);
    buf_release(&port);
    if (fd < 0)
        return false;
    *ret_fd = fd;
    return true;
}

/*
 * What comes up to the first CRLF, without it, to `ret`; false when that does not come in time, or
 * the other side ends before.
 */
static bool read_status_line(int fd, uint64_t end_ns, struct buf *ret)
{
    char chunk[STATUS_LINE_MAX];
    const char *end;

    do {
        ssize_t got = wait_for(fd, POLLIN, end_ns) ? recv(fd, chunk, sizeof(chunk), 0) : -1;

        if (got <= 0)
            return false;
        buf_add(ret, chunk, (size_t)got);
        end = memmem(ret->data, ret->len, "\r\n", 2);
        if (end == NULL && ret->len >= STATUS_LINE_MAX)
            return false;
    } while (end == NULL);
    ret->len = (size_t)(end - ret->data);
    return true;
}

/* "HTTP/1.1 200 OK"; 0: it is something else. */
static unsigned parse_status(struct slice line)
{
    struct slice rest = line, version = slice_cut(&rest, ' '), code = slice_cut(&rest, ' ');
    uint64_t status = 0;

    if (!slice_eq(version, SLICE_LIT("HTTP/1.1")) || !parse_u64(code, 100, 599, &status, NULL))
        return 0;
    return (unsigned)status;
}

/* The status of one answer; 0 when there is none. */
static unsigned ask(int fd, const struct config *c, bool ready, uint64_t end_ns)
{
    const char *name = c->hosts.n > 0 ? c->hosts.items[0] : "localhost";
    bool v6 = strchr(name, ':') != NULL;
    struct buf text = BUF_INIT;
    unsigned status = 0;
    bool sent;

    buf_addf(&text, "GET /health/%s HTTP/1.1\r\nHost: %s%s%s\r\nConnection: close\r\n\r\n",
             ready ? "readiness" : "liveness", v6 ? "[" : "", name, v6 ? "]" : "");
    /* A new connection's buffer has room for it. */
    sent = send(fd, text.data, text.len, MSG_NOSIGNAL) == (ssize_t)text.len;
    buf_clear(&text);
    if (sent && read_status_line(fd, end_ns, &text))
        status = parse_status((struct slice){text.data, text.len});
    buf_release(&text);
    return status;
}

int app_healthcheck(const struct cli *cli)
{
    struct err err = ERR_INIT;
    struct host_port hp;
    struct config c;
    uint64_t end_ns;
    unsigned status = 0;
    int fd = -1;
    bool ok;

    if (!config_load_cli(cli, &c, &err))
        return app_fail(EXIT_CONFIG, &err);
    end_ns = clock_mono_ns() + HEALTHCHECK_SECONDS * NS_PER_SEC;
    ok = host_port_parse(slice_str(c.listen_public), &hp, &err) && dial(&hp, end_ns, &fd, &err);
    if (ok) {
        status = ask(fd, &c, cli->ready, end_ns);
        (void)close(fd);
        ok = status == 200;
        if (status == 0)
            err_set(&err, ERR_UNAVAILABLE, "no HTTP answer within %d seconds", HEALTHCHECK_SECONDS);
        else if (!ok)
            err_set(&err, ERR_UNAVAILABLE, "%s answers %u", cli->ready ? "readiness" : "liveness",
                    status);
    }
    config_release(&c);
    if (!ok)
        return app_fail(1, &err);
    (void)puts(cli->ready ? "ready" : "alive");
    return 0;
}
