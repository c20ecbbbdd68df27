/* SPDX-License-Identifier: MIT */
/* What is just allowed and what is just too much: targets, heads, fields, bodies, time. */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>

#define START "GET / HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: limit\r\n"

#define TIMED_OUT(reason) "connections_timed_out_total{reason=\"" reason "\"}"

/* `n` times 'a'. */
static const char *many(struct fixture *f, size_t n)
{
    char *s = keep(f, n + 1);

    memset(s, 'a', n);
    return s;
}

static const struct reply *send_one(struct fixture *f, struct server *s, const char *request)
{
    struct wire *w = wire_to(s);
    const struct reply *r;

    wire_send(w, request);
    r = wire_reply(f, w);
    if (r->status >= 400 && r->status != 404)
        assert_wire_ends(w);
    return r;
}

static const char *with_target(struct fixture *f, size_t n)
{
    return textf(f, "GET /%s HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: limit\r\n\r\n",
                 many(f, n - 1));
}

static const char *with_field(struct fixture *f, size_t n)
{
    return textf(f, START "X:%s\r\n\r\n", many(f, n));
}

static const char *with_fields(struct fixture *f, size_t n)
{
    struct buf b = BUF_INIT;
    const char *text;

    buf_add_str(&b, START);
    for (size_t i = 2; i < n; i++)
        buf_addf(&b, "X-%zu: 1\r\n", i);
    buf_add_str(&b, "\r\n");
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

/* A head of exactly `n` bytes, in fields that are each well within their limit. */
static const char *with_head(struct fixture *f, size_t n)
{
    size_t fixed = strlen(START "A: \r\nB: \r\nC: \r\n\r\n"), rest = n - fixed;

    return textf(f, START "A: %s\r\nB: %s\r\nC: %s\r\n\r\n", many(f, 6000), many(f, 6000),
                 many(f, rest - 12000));
}

TEST(heads_are_served_at_their_limits_and_refused_one_past_them)
{
    static const struct {
        const char *(*make)(struct fixture *f, size_t n);
        size_t limit;
        int served, refused;
        const char *reason, *code;
    } cases[] = {
        {with_target, 2048,  404, 414, "target_too_long", "uri_too_long"  },
        {with_field,  8192,  200, 431, "head_too_large",  "head_too_large"},
        {with_fields, 64,    200, 431, "head_too_large",  "head_too_large"},
        {with_head,   16384, 200, 431, "head_too_large",  "head_too_large"},
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *series = textf(f, "http_rejected_total{reason=\"%s\"}", cases[i].reason);
        double before = metric(s, series);
        const struct reply *r;

        assert_status(send_one(f, s, cases[i].make(f, cases[i].limit)), cases[i].served);
        r = send_one(f, s, cases[i].make(f, cases[i].limit + 1));
        assert_error(f, r, cases[i].refused, cases[i].code);
        assert_field(r, "x-correlation-id", "limit");
        assert_metric(s, series, before + 1);
    }
}

TEST(a_head_that_libh2o_cannot_hold_is_refused_and_counted)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);

    wire_send(w, START);
    for (int i = 0; i < 430; i++)
        wire_send(w, textf(f, "X-%d: %s\r\n", i, many(f, 1000)));
    assert_status(wire_reply(f, w), 400);
    assert_metric(s, REJECTED("unparsed"), 1);
    assert_status(send_one(f, s, with_fields(f, 101)), 400);
    assert_metric(s, REJECTED("unparsed"), 2);
    assert_status(get(s, "/health"), 200);
}

/* A submission with blanks up to a body of `n` bytes. */
static const char *padded(struct fixture *f, size_t n)
{
    return textf(f, "%-*s", (int)n, ADA);
}

static const char *post(struct fixture *f, const char *extra, size_t length, const char *body)
{
    return textf(
        f,
        "POST /contact HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: limit\r\n" JSON_TYPE
        "\r\nContent-Length: %zu\r\n%s\r\n%s",
        length, extra, body);
}

TEST(bodies_are_read_at_their_limit_and_refused_one_past_it)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r;

    assert_status(send_one(f, s, post(f, "", 131072, padded(f, 131072))), 201);
    r = send_one(f, s, post(f, "", 131073, padded(f, 131073)));
    assert_error(f, r, 413, "content_too_large");
    assert_field(r, "x-correlation-id", "limit");
    assert_metric(s, REJECTED("body_too_large"), 1);
    assert_metric(s, CONTACT_REJECTED("too_large"), 1);
    /* Announced is enough. */
    r = send_one(f, s, post(f, "", 1073741824, ""));
    assert_error(f, r, 413, "content_too_large");
    assert_metric(s, CONTACT_REJECTED("too_large"), 2);
    r = send_one(f, s,
                 "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n");
    assert_error(f, r, 413, "content_too_large");
    assert_metric(s, REJECTED("body_too_large"), 3);
    assert_metric(s, CONTACT_REJECTED("too_large"), 2);
    assert_metric(s, SUBMISSIONS, 1);
}

TEST(limits_body_moves_the_limit)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("limits.body=1KiB"));

    assert_status(send_one(f, s, post(f, "", 1024, padded(f, 1024))), 201);
    assert_status(send_one(f, s, post(f, "", 1025, padded(f, 1025))), 413);
}

TEST(ten_thousand_characters_fit_in_a_form_whatever_they_are)
{
    struct server *s = server_start(*state, NULL);
    struct buf b = BUF_INIT;
    const struct reply *r;

    buf_add_str(&b, "name=Ada&email=ada%40example.com&message=");
    for (int i = 0; i < 10000; i++)
        buf_add_str(&b, "%F0%9F%98%80");
    r = post_form(s, buf_cstr(&b));
    buf_release(&b);
    assert_status(r, 303);
}

TEST(continue_is_said_only_when_the_body_may_come)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);

    wire_send(w, post(f, "Expect: 100-continue\r\n", strlen(ADA), ""));
    assert_int_equal(wire_reply_head(f, w)->status, 100);
    wire_send(w, ADA);
    assert_status(wire_reply(f, w), 201);
    w = wire_to(s);
    wire_send(w, post(f, "Expect: 100-continue\r\n", 131073, ""));
    assert_error(f, wire_reply(f, w), 413, "content_too_large");
    assert_wire_ends(w);
    w = wire_to(s);
    wire_send(w, post(f, "Expect: something\r\n", strlen(ADA), ADA));
    assert_error(f, wire_reply(f, w), 417, "expectation_failed");
    assert_wire_ends(w);
    assert_metric(s, REJECTED("expectation"), 1);
    assert_metric(s, REJECTED("unparsed"), 0);
}

TEST(an_endless_chunk_ends_at_the_limit_of_a_body)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("drain.timeout=300ms"));
    struct wire *w = wire_to(s);

    wire_send(w, "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "ffffffffffffffff\r\n");
    wire_send(w, many(f, 140000));
    assert_in_range(wire_reply(f, w)->status, 400, 499);
    assert_wire_ends(w);
    /* One that just stops holds nobody up, and not the end of the server either. */
    w = wire_to(s);
    wire_send(
        w, "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n");
    assert_status(get(s, "/health"), 200);
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
}

TEST(a_slow_request_is_cut_off_by_the_timeout)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("http.request_timeout=1s"));
    uint64_t began_ns = clock_mono_ns();
    struct wire *idle = wire_to(s), *head = wire_to(s), *body = wire_to(s);

    wire_send(head, "GET / HTTP/1.1\r\nHo");
    wire_send(body, post(f, "", 100, "{"));
    assert_wire_ends(idle);
    assert_wire_ends(head);
    assert_wire_ends(body);
    /* libh2o at its time, or the sweep 2.5 s later */
    assert_true(clock_mono_ns() - began_ns <= 3500 * NS_PER_MS);
    assert_metric(s, TIMED_OUT("idle"), 1);
    assert_metric(s, TIMED_OUT("request"), 2);
    assert_metric(s, TIMED_OUT("write"), 0);
    assert_metric(s, SUBMISSIONS, 0);
    assert_true(metric_sum(s, "http_requests_total") <= 0);
    assert_status(get(s, "/health"), 200);
}

TEST(a_request_cut_off_anywhere_is_never_stored)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *request = post(f, "", strlen(ADA), ADA);
    size_t n = strlen(request);

    for (size_t cut = 0; cut < n; cut++) {
        struct wire w;

        assert_true(wire_connect(&w, s->public_port));
        assert_true(wire_write(&w, request, cut));
        wire_close(&w);
    }
    assert_status(get(s, "/health"), 200);
    assert_status(send_one(f, s, request), 201);
    assert_metric(s, SUBMISSIONS, 1);
    assert_true(server_lives(s));
}

RUN_TESTS(T(heads_are_served_at_their_limits_and_refused_one_past_them),
          T(a_head_that_libh2o_cannot_hold_is_refused_and_counted),
          T(bodies_are_read_at_their_limit_and_refused_one_past_it),
          T(limits_body_moves_the_limit),
          T(ten_thousand_characters_fit_in_a_form_whatever_they_are),
          T(continue_is_said_only_when_the_body_may_come),
          T(an_endless_chunk_ends_at_the_limit_of_a_body),
          T(a_slow_request_is_cut_off_by_the_timeout),
          T(a_request_cut_off_anywhere_is_never_stored))
