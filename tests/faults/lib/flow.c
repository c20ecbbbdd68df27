/* SPDX-License-Identifier: MIT */
/* Rounds of requests: all of a round are sent, then all are answered, so that neither side ever waits for the other. */
#include "tests/faults/lib/flow.h"

#include "base/utf8.h"

#include <inttypes.h>

enum { ROUND = FLOW_CONNECTIONS * FLOW_DEPTH };

static void add_request(
    struct buf *out, const char *path, const char *header, const char *id, struct slice body)
{
    buf_addf(out,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: %s\r\n%s\r\n"
             "Content-Length: %zu\r\n\r\n",
             path, id, header, body.n);
    buf_add_slice(out, body);
}

const struct reply *flow_send(struct server *s, struct slice bytes)
{
    struct wire *w = wire_to(s);
    const struct reply *r;

    (void)wire_write(w, bytes.p, bytes.n);
    r = wire_reply(s->f, w);
    wire_close(w);
    return r;
}

const struct reply *flow_send_text(struct server *s, const char *text)
{
    return flow_send(s, slice_str(text));
}

const struct reply *flow_one(
    struct server *s, const char *path, const char *header, const char *id, struct slice body)
{
    struct buf out = BUF_INIT;
    const struct reply *r;

    add_request(&out, path, header, id, body);
    r = flow_send(s, (struct slice){out.data, out.len});
    buf_release(&out);
    return r;
}

static const char *id_of(const struct flow *flow, size_t i, char text[80])
{
    (void)snprintf(text, 80, "%s-%zu", flow->prefix, flow->first + i);
    return text;
}

static void send_round(const struct flow *flow, struct wire *wires, size_t start, size_t end)
{
    struct buf body = BUF_INIT, out = BUF_INIT;
    char id[80];

    for (size_t c = 0; c < FLOW_CONNECTIONS; c++) {
        buf_clear(&out);
        for (size_t i = start + c; i < end; i += FLOW_CONNECTIONS) {
            buf_clear(&body);
            flow->body(flow->ctx, i, &body);
            add_request(&out, flow->path != NULL ? flow->path : "/contact", flow->header,
                        id_of(flow, i, id), (struct slice){body.data, body.len});
        }
        if (out.len > 0 && !wire_write(&wires[c], out.data, out.len))
            fail_msg("%s: the connection broke", id_of(flow, start + c, id));
    }
    buf_release(&body);
    buf_release(&out);
}

static void take_answer(const struct flow *flow, struct wire *w, size_t i)
{
    struct reply r;
    char id[80];

    if (wire_read(w, false, &r) != GOT_REPLY)
        fail_msg("%s: no answer", id_of(flow, i, id));
    if (r.status >= 500)
        fail_msg("%s: %d %s", id_of(flow, i, id), r.status, r.body);
    assert_manners(&r);
    assert_field(&r, "x-correlation-id", id_of(flow, i, id));
    flow->answered(flow->ctx, i, &r);
    reply_release(&r);
}

void flow_run(struct server *s, const struct flow *flow)
{
    struct wire *wires = keep(s->f, FLOW_CONNECTIONS * sizeof(*wires));

    for (size_t c = 0; c < FLOW_CONNECTIONS; c++)
        assert_true(wire_connect(&wires[c], s->public_port));
    for (size_t start = 0; start < flow->n; start += ROUND) {
        size_t end = start + ROUND < flow->n ? start + ROUND : flow->n;

        send_round(flow, wires, start, end);
        for (size_t i = start; i < end; i++)
            take_answer(flow, &wires[(i - start) % FLOW_CONNECTIONS], i);
    }
    for (size_t c = 0; c < FLOW_CONNECTIONS; c++)
        wire_close(&wires[c]);
    assert_true(server_lives(s));
}

uint32_t cut_code_point(struct slice *s)
{
    size_t n = utf8_sequence(*s);
    uint32_t c = (unsigned char)s->p[0] & (n == 1 ? 0x7f : 0xffu >> (n + 1));

    MUST(n > 0);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s->p[i] & 0x3f);
    *s = (struct slice){s->p + n, s->n - n};
    return c;
}

void flow_escape_json(struct buf *b, struct slice s)
{
    while (s.n > 0) {
        uint32_t c = cut_code_point(&s);

        if (c < 0x10000)
            buf_addf(b, "\\u%04" PRIx32, c);
        else
            buf_addf(b, "\\u%04" PRIX32 "\\u%04" PRIx32, 0xd800 + ((c - 0x10000) >> 10),
                     0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

void flow_escape_form(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_addf(b, i % 2 == 0 ? "%%%02X" : "%%%02x", (unsigned char)s.p[i]);
}
