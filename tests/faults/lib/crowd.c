/* SPDX-License-Identifier: MIT */
/* One epoll, edge-triggered: each client is told once that it may read or write and does so until it may not. */
#include "tests/faults/lib/crowd.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd; /* -1: closed */
    bool connected;
    unsigned expected; /* answers */
    struct slice unsent;
    uint64_t asked_ns;
    struct buf in;
};

struct crowd {
    struct crowd_options opt;
    struct sockaddr_in to;
    int epoll;
    size_t connected;
    struct client *clients;
};

struct crowd *crowd_new(const struct crowd_options *opt)
{
    struct crowd *c = must_calloc(1, sizeof(*c));

    c->opt = *opt;
    c->to = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)opt->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    MUST(c->epoll >= 0);
    c->clients = must_calloc(opt->max, sizeof(*c->clients));
    for (size_t i = 0; i < opt->max; i++)
        c->clients[i].fd = -1;
    return c;
}

void crowd_close(struct crowd *c, size_t i)
{
    struct client *p = &c->clients[i];

    if (p->fd >= 0)
        (void)close(p->fd);
    c->connected -= p->connected;
    buf_release(&p->in);
    *p = (struct client){.fd = -1};
}

void crowd_free(struct crowd *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->opt.max; i++)
        crowd_close(c, i);
    (void)close(c->epoll);
    free(c->clients);
    free(c);
}

/* The end of a connection; what is under way is answered by nothing. */
static void break_off(struct crowd *c, size_t i)
{
    const struct client *p = &c->clients[i];
    struct crowd_answer none = {.waited_ns = clock_mono_ns() - p->asked_ns};
    bool owed = p->expected > 0;

    crowd_close(c, i);
    if (owed)
        c->opt.answered(c->opt.ctx, i, &none);
}

bool crowd_open(struct crowd *c, size_t i)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = i};
    struct client *p = &c->clients[i];
    int on = 1;

    if (p->fd >= 0)
        return true;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return false;
    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((connect(p->fd, (struct sockaddr *)&c->to, sizeof(c->to)) == 0 || errno == EINPROGRESS) &&
        epoll_ctl(c->epoll, EPOLL_CTL_ADD, p->fd, &e) == 0)
        return true;
    crowd_close(c, i);
    return false;
}

static bool is_established(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

/* False when the connection is broken. */
static bool send_some(struct client *p)
{
    while (p->connected && p->unsent.n > 0) {
        ssize_t n = send(p->fd, p->unsent.p, p->unsent.n, MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        p->unsent = (struct slice){p->unsent.p + n, p->unsent.n - (size_t)n};
    }
    return true;
}

bool crowd_ask(struct crowd *c, size_t i, struct slice request, unsigned answers)
{
    struct client *p = &c->clients[i];

    MUST(p->expected == 0);
    if (!crowd_open(c, i))
        return false;
    p->unsent = request;
    p->expected = answers;
    p->asked_ns = clock_mono_ns();
    (void)send_some(
        p); /* when it broke, reading tells: this may be called while answers are taken */
    return true;
}

bool crowd_busy(const struct crowd *c, size_t i)
{
    return c->clients[i].expected > 0;
}

bool crowd_connected(const struct crowd *c, size_t i)
{
    return c->clients[i].connected;
}

size_t crowd_size(const struct crowd *c)
{
    return c->connected;
}

/* ---- answers ---- */

/* Retry-After in seconds; the other form, a date, is none that the server sends. */
static unsigned retry_of(const struct reply *r)
{
    const char *text = reply_field(r, "retry-after");
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return 0;
    return (unsigned)strtoul(text, NULL, 10);
}

/* The length of the first answer in `b`, or 0 when it is not all there; SIZE_MAX when it is none. */
static size_t first_answer(const struct buf *b, struct crowd_answer *ret)
{
    const char *mark = b->len > 0 ? memmem(b->data, b->len, "\r\n\r\n", 4) : NULL, *length;
    struct reply r;
    size_t head, n;

    if (mark == NULL)
        return 0;
    n = head = (size_t)(mark - b->data) + 4;
    if (!reply_parse(&r, b->data, n))
        return SIZE_MAX;
    length = reply_field(&r, "content-length");
    n += length != NULL ? strtoul(length, NULL, 10) : 0;
    ret->status = r.status;
    ret->retry_s = retry_of(&r);
    reply_release(&r);
    if (n > b->len)
        return 0;
    ret->body = (struct slice){b->data + head, n - head};
    return n;
}

/* False when what came is no answer, or nobody's. */
static bool take_answers(struct crowd *c, size_t i)
{
    struct client *p = &c->clients[i];
    struct crowd_answer a = {.status = 0};
    size_t n, at = 0;

    while ((n = first_answer(&(struct buf){p->in.data + at, p->in.len - at, 0}, &a)) > 0) {
        if (n == SIZE_MAX || p->expected == 0)
            return false;
        at += n;
        if (at == p->in.len)
            at = p->in.len = 0;
        p->expected--;
        a.waited_ns = clock_mono_ns() - p->asked_ns;
        c->opt.answered(c->opt.ctx, i, &a);
    }
    memmove(p->in.data, p->in.data + at, p->in.len - at);
    p->in.len -= at;
    return true;
}

static bool receive(struct crowd *c, size_t i)
{
    enum { ROOM = 16384 };
    struct client *p = &c->clients[i];

    for (;;) {
        ssize_t n = recv(p->fd, buf_reserve(&p->in, ROOM), ROOM, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0)
            return false;
        p->in.len += (size_t)n;
        if (!take_answers(c, i))
            return false;
    }
    if (p->in.len == 0)
        buf_release(&p->in); /* ten thousand idle ones need none */
    return true;
}

static void serve(struct crowd *c, size_t i, uint32_t events)
{
    struct client *p = &c->clients[i];
    bool ok = p->fd >= 0;

    if (ok && !p->connected && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        ok = is_established(p->fd);
        p->connected = ok;
        c->connected += ok;
    }
    ok = ok && send_some(p);
    if (ok && p->connected)
        ok = receive(c, i);
    if (!ok && p->fd >= 0)
        break_off(c, i);
}

void crowd_turn(struct crowd *c, int ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(c->epoll, events, (int)ARRAY_LEN(events), ms);

    for (int k = 0; k < n; k++)
        serve(c, events[k].data.u64, events[k].events);
}

bool crowd_files(size_t n)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return false;
    if (files.rlim_cur >= n)
        return true;
    files.rlim_cur = files.rlim_max < n ? 0 : n;
    return files.rlim_cur > 0 && setrlimit(RLIMIT_NOFILE, &files) == 0;
}
