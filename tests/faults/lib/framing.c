/* SPDX-License-Identifier: MIT */
/* Sending a case, and a reader of answers that is more lenient than wire.h. */
#include "tests/faults/lib/framing.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum { PAUSE_MS = 15, ROOM = 65536 };

/* ---- one connection ---- */

void framing_send(struct wire *w, const struct framing_case *c)
{
    size_t from = 0;
    int on = 1;

    /* Else the kernel keeps the second piece until the first is acknowledged. */
    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0; i < c->n_pieces; i++) {
        if (i > 0)
            clock_sleep_ms(PAUSE_MS);
        if (!wire_write(w, c->bytes.data + from, c->ends[i] - from))
            return;
        from = c->ends[i];
    }
}

/* What is there now; false when that was nothing. */
static bool read_some(struct wire *w)
{
    ssize_t n = recv(w->fd, buf_reserve(&w->in, ROOM), ROOM, MSG_DONTWAIT);

    if (n > 0)
        w->in.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        w->ended = true;
    return n > 0;
}

/* The value of a field in a head, which ends in NUL; NULL without one. */
static const char *field_of(const char *head, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line + n + 1 + strspn(line + n + 1, " \t");
    }
    return NULL;
}

/* Bytes of the chunked body at the start of `s`, or SIZE_MAX when its end is not there. */
static size_t chunked_length(struct slice s)
{
    const char *end = memmem(s.p, s.n, "0\r\n\r\n", 5);

    while (end != NULL && end != s.p && end[-1] != '\n')
        end = memmem(end + 1, s.n - (size_t)(end + 1 - s.p), "0\r\n\r\n", 5);
    return end != NULL ? (size_t)(end - s.p) + 5 : SIZE_MAX;
}

/* Bytes of the body behind this head, or SIZE_MAX when it is not whole. */
static size_t body_of(const char *head, int status, struct slice rest, bool none, bool ended)
{
    const char *length = field_of(head, "content-length");
    size_t n = length != NULL ? strtoul(length, NULL, 10) : rest.n;

    if (none || status < 200 || status == 204 || status == 304)
        return 0;
    if (field_of(head, "transfer-encoding") != NULL)
        return chunked_length(rest);
    return (length == NULL && !ended) || n > rest.n ? SIZE_MAX : n;
}

/* The first answer in `s`: its bytes, 0 when it is not whole. */
static size_t first_answer(struct slice s, bool none, bool ended, int *ret_status)
{
    const char *mark = memmem(s.p, s.n, "\r\n\r\n", 4);
    size_t head_len = mark != NULL ? (size_t)(mark - s.p) + 4 : 0, n;
    char *head;

    if (mark == NULL || s.n < 12)
        return 0;
    head = must_calloc(head_len + 1, 1);
    memcpy(head, s.p, head_len);
    *ret_status = (int)strtol(head + 9, NULL, 10);
    n = body_of(head, *ret_status, (struct slice){s.p + head_len, s.n - head_len}, none, ended);
    free(head);
    return n == SIZE_MAX ? 0 : head_len + n;
}

struct heard framing_heard(const struct wire *w, const struct framing_case *c)
{
    struct slice s = {w->in.data, w->in.len};
    struct heard h = {.ended = w->ended};

    while (s.n > 0) {
        int status = 0;
        size_t n;

        h.odd = s.n >= 7 && memcmp(s.p, "HTTP/1.", 7) != 0;
        n = h.odd ? 0 : first_answer(s, c->head && h.n == 0, w->ended, &status);
        if (n == 0)
            return h;
        h.interim += status < 200;
        h.n += status >= 200;
        h.accepted += status >= 200 && status < 400;
        h.last = status >= 200 ? status : h.last;
        s = (struct slice){s.p + n, s.n - n};
    }
    return h;
}

void framing_hear(struct wire *w, const struct framing_case *c, unsigned ms, unsigned more_ms)
{
    struct pollfd p = {w->fd, POLLIN, 0};
    unsigned wait = ms;

    while (!w->ended && poll(&p, 1, (int)wait) > 0) {
        (void)read_some(w);
        wait = framing_heard(w, c).n >= c->requests ? more_ms : ms;
    }
}

/* ---- all at once ---- */

/* One round over all that are open; how many of them are left. */
static size_t poll_all(struct wire *w, struct pollfd *p, size_t n, unsigned ms, bool *ret_any)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++) {
        p[i] = (struct pollfd){w[i].ended ? -1 : w[i].fd, POLLIN, 0};
        open += !w[i].ended;
    }
    *ret_any = open > 0 && poll(p, (nfds_t)n, (int)ms) > 0;
    for (size_t i = 0; *ret_any && i < n; i++)
        if (p[i].fd >= 0 && p[i].revents != 0)
            (void)read_some(&w[i]);
    return open;
}

void framing_ask_all(const struct framing_corpus *corpus,
                     unsigned port,
                     unsigned ms,
                     struct heard *ret)
{
    struct wire *w = must_calloc(corpus->n, sizeof(*w));
    struct pollfd *p = must_calloc(corpus->n, sizeof(*p));
    bool any = true;

    for (size_t i = 0; i < corpus->n; i++) {
        if (wire_connect(&w[i], port))
            framing_send(&w[i], &corpus->cases[i]);
        w[i].ended = w[i].fd < 0;
    }
    while (any && poll_all(w, p, corpus->n, ms, &any) > 0)
        continue;
    for (size_t i = 0; i < corpus->n; i++) {
        ret[i] = framing_heard(&w[i], &corpus->cases[i]);
        wire_close(&w[i]);
    }
    free(p);
    free(w);
}
