/* SPDX-License-Identifier: MIT */
/* Sockets and a small reader of answers. */
#include "tests/e2e/lib/wire.h"

#include "tests/e2e/lib/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool wire_connect(struct wire *w, unsigned port)
{
    return wire_connect_in(w, NULL, "127.0.0.1", port);
}

bool wire_connect_in(struct wire *w, const char *netns, const char *host, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    MUST(inet_pton(AF_INET, host, &to.sin_addr) == 1);
    *w = (struct wire){.fd = netns_socket(netns, AF_INET, SOCK_STREAM, 0)};
    MUST(w->fd >= 0);
    if (connect(w->fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return true;
    wire_close(w);
    return false;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
    buf_release(&w->in);
}

/* One recv; false when nothing was there. */
static bool fill(struct wire *w)
{
    ssize_t n = recv(w->fd, buf_reserve(&w->in, 65536), 65536, MSG_DONTWAIT);

    if (n > 0)
        w->in.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        w->ended = true;
    return n > 0;
}

static bool wait_for(const struct wire *w, short events, unsigned ms)
{
    struct pollfd p = {w->fd, events, 0};

    return poll(&p, 1, (int)ms) > 0;
}

bool wire_write(struct wire *w, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(w->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            data += sent;
            n -= (size_t)sent;
            continue;
        }
        if ((sent < 0 && errno != EAGAIN && errno != EINTR) ||
            !wait_for(w, w->ended ? POLLOUT : POLLOUT | POLLIN, DEADLINE_MS))
            return false;
        if (!w->ended)
            (void)fill(w);
    }
    return true;
}

/* Whether `need` bytes are there, or for 0 a whole head. */
static bool complete(const struct wire *w, size_t need, size_t *ret_head)
{
    const char *mark;

    if (need > 0 || w->in.len == 0)
        return need > 0 && w->in.len >= need;
    mark = memmem(w->in.data, w->in.len, "\r\n\r\n", 4);
    if (mark != NULL)
        *ret_head = (size_t)(mark - w->in.data) + 4;
    return mark != NULL;
}

/* Reads until that is so. */
static enum got await(struct wire *w, size_t need, size_t *ret_head)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;

    while (!complete(w, need, ret_head)) {
        if (w->ended)
            return w->in.len > 0 ? GOT_PART : GOT_END;
        if (clock_mono_ns() >= end)
            return GOT_NOTHING;
        (void)wait_for(w, POLLIN, 100);
        (void)fill(w);
    }
    return GOT_REPLY;
}

static void consume(struct buf *b, size_t n)
{
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

static size_t body_length(const struct reply *r, bool head)
{
    const char *length = reply_field(r, "content-length");

    if (head || r->status < 200 || r->status == 204 || r->status == 304 || length == NULL)
        return 0;
    return strtoul(length, NULL, 10);
}

enum got wire_read(struct wire *w, bool head, struct reply *ret)
{
    size_t head_len = 0, n;
    enum got got = await(w, 0, &head_len);
    struct reply r;

    if (got != GOT_REPLY)
        return got;
    if (!reply_parse(&r, w->in.data, head_len))
        return GOT_GARBAGE;
    n = body_length(&r, head);
    got = await(w, head_len + n, &head_len);
    if (got != GOT_REPLY) {
        reply_release(&r);
        return got;
    }
    r.body = must_realloc(r.body, n + 1);
    memcpy(r.body, w->in.data + head_len, n);
    r.body[n] = '\0';
    r.body_len = n;
    consume(&w->in, head_len + n);
    *ret = r;
    return GOT_REPLY;
}

static void close_kept(void *arg)
{
    wire_close(arg);
}

static struct wire *wire_keep(struct fixture *f, unsigned port)
{
    struct wire *w = keep(f, sizeof(*w));

    w->fd = -1;
    at_end(f, close_kept, w);
    assert_true(wire_connect(w, port));
    return w;
}

struct wire *wire_to(struct server *s)
{
    return wire_keep(s->f, s->public_port);
}

struct wire *wire_to_ops(struct server *s)
{
    return wire_keep(s->f, s->metrics_port);
}

void wire_send(struct wire *w, const char *text)
{
    (void)wire_write(w, text, strlen(text)); /* the answer tells */
}

static const struct reply *must_read(struct fixture *f, struct wire *w, bool head)
{
    static const char *const names[] = {[GOT_END] = "the connection ended",
                                        [GOT_PART] = "the connection ended in the middle",
                                        [GOT_NOTHING] = "nothing came",
                                        [GOT_GARBAGE] = "garbage came"};
    struct reply *r = reply_keep(f);
    enum got got = wire_read(w, head, r);

    if (got != GOT_REPLY)
        fail_msg("no answer: %s: %.*s", names[got], (int)(w->in.len < 400 ? w->in.len : 400),
                 w->in.data != NULL ? w->in.data : "");
    return r;
}

const struct reply *wire_reply(struct fixture *f, struct wire *w)
{
    return must_read(f, w, false);
}

const struct reply *wire_reply_head(struct fixture *f, struct wire *w)
{
    return must_read(f, w, true);
}

void wire_finish(struct wire *w)
{
    assert_int_equal(shutdown(w->fd, SHUT_WR), 0);
}

void assert_wire_ends(struct wire *w)
{
    size_t unused;
    enum got got = await(w, SIZE_MAX, &unused);

    if (got != GOT_END)
        fail_msg("%s: %.*s", got == GOT_NOTHING ? "the server did not close" : "more came",
                 (int)(w->in.len < 400 ? w->in.len : 400), w->in.data != NULL ? w->in.data : "");
}

bool wire_silent(struct wire *w, unsigned ms)
{
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;

    while (w->in.len == 0 && !w->ended && clock_mono_ns() < end) {
        (void)wait_for(w, POLLIN, POLL_MS);
        (void)fill(w);
    }
    return w->in.len == 0 && !w->ended;
}
