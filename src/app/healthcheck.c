/* SPDX-License-Identifier: MIT */
/*
 * `sidelight healthcheck`: one request to the public port of the same configuration, for container
 * health checks.
 */
#include "app/app.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HEALTHCHECK_SECONDS = 3 };

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

static int connect_any(const struct addrinfo *list)
{
    const struct timeval limit = {.tv_sec = HEALTHCHECK_SECONDS};
    int fd = -1;

    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    return fd;
}

static bool dial(const struct host_port *hp, int *ret_fd, struct err *err)
{
    struct buf host = BUF_INIT, port = BUF_INIT;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;

    buf_add_slice(&host, target_host(hp));
    buf_add_u64(&port, hp->port);
    if (getaddrinfo(buf_cstr(&host), buf_cstr(&port), &hints, &list) == 0) {
        fd = connect_any(list);
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

/* The status of one answer; 0 when there is none. */
static unsigned ask(int fd, const struct config *c, bool ready)
{
    const char *name = c->hosts.n > 0 ? c->hosts.items[0] : "localhost";
    bool v6 = strchr(name, ':') != NULL;
    struct buf rq = BUF_INIT;
    char head[16];
    uint64_t status = 0;
    size_t n = 0;

    buf_addf(&rq, "GET /health/%s HTTP/1.1\r\nHost: %s%s%s\r\nConnection: close\r\n\r\n",
             ready ? "readiness" : "liveness", v6 ? "[" : "", name, v6 ? "]" : "");
    if (send(fd, rq.data, rq.len, MSG_NOSIGNAL) == (ssize_t)rq.len)
        while (n < 12) {
            ssize_t got = recv(fd, head + n, 12 - n, 0);

            if (got <= 0)
                break;
            n += (size_t)got;
        }
    buf_release(&rq);
    if (n < 12 || memcmp(head, "HTTP/1.1 ", 9) != 0 ||
        !parse_u64((struct slice){head + 9, 3}, 100, 599, &status, NULL))
        return 0;
    return (unsigned)status;
}

int app_healthcheck(const struct cli *cli)
{
    struct err err = ERR_INIT;
    struct host_port hp;
    struct config c;
    unsigned status = 0;
    int fd = -1;
    bool ok;

    if (!config_load_cli(cli, &c, &err))
        return app_fail(EXIT_CONFIG, &err);
    ok = host_port_parse(slice_str(c.listen_public), &hp, &err) && dial(&hp, &fd, &err);
    if (ok) {
        status = ask(fd, &c, cli->ready);
        (void)close(fd);
        ok = status == 200;
        if (!ok)
            err_set(&err, ERR_UNAVAILABLE, "%s answers %u", cli->ready ? "readiness" : "liveness",
                    status);
    }
    config_release(&c);
    if (!ok)
        return app_fail(1, &err);
    (void)puts(cli->ready ? "ready" : "alive");
    return 0;
}
