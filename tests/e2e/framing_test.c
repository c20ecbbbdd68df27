/* SPDX-License-Identifier: MIT */
/*
 * Requests that two parsers could read differently, or that are too large: refused, closed, counted
 * by reason; and nothing gets lost in the books. Limits have a file of their own, limits_test.c.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#define ID "X-Correlation-ID: framed\r\n"
#define H "Host: localhost\r\n" ID
#define POST "POST /contact HTTP/1.1\r\n" H
/* What a smuggler would want to see answered. */
#define SECOND "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* `reason` unparsed: libh2o answers by itself, without any of our header fields. */
#define ROW(name, text, status, reason)              \
    {                                                \
        name, text, sizeof(text) - 1, status, reason \
    }
struct bad {
    const char *name, *text;
    size_t n;
    int status;
    const char *reason;
};

static const struct bad bodies[] = {
    ROW("two lengths", POST "Content-Length: 3\r\nContent-Length: 6\r\n\r\nabcdef", 400, "framing"),
    ROW("two equal lengths",
        POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        400,
        "framing"),
    ROW("length, then chunked",
        POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND,
        400,
        "framing"),
    ROW("chunked, then length",
        POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" SECOND,
        400,
        "framing"),
    ROW("a list of lengths", POST "Content-Length: 3, 3\r\n\r\nabc", 400, "framing"),
    ROW("a plus sign", POST "Content-Length: +3\r\n\r\nabc", 400, "framing"),
    ROW("a minus sign", POST "Content-Length: -1\r\n\r\nabc", 400, "framing"),
    ROW("a hex length", POST "Content-Length: 0x3\r\n\r\nabc", 400, "framing"),
    ROW("a length with a space", POST "Content-Length: 1 3\r\n\r\nabc", 400, "framing"),
    ROW("21 digits", POST "Content-Length: 999999999999999999999\r\n\r\nabc", 400, "framing"),
    ROW("20 digits", POST "Content-Length: 18446744073709551615\r\n\r\nabc", 400, "framing"),
    ROW("no length in it", POST "Content-Length:\r\n\r\n", 400, "framing"),
    ROW("gzip", POST "Transfer-Encoding: gzip\r\n\r\n", 400, "framing"),
    ROW("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "framing"),
    ROW("chunked twice",
        POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
        "framing"),
    ROW("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "framing"),
    ROW("two encodings",
        POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "framing"),
    ROW("a VT before chunked",
        POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        400,
        "unparsed"),
    ROW("chunked in 1.0",
        "POST /contact HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "framing"),
    ROW("a space before the colon",
        POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
        "unparsed"),
    ROW("chunked",
        POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        411,
        "length_required"),
    ROW("Chunked with blanks",
        POST "Transfer-Encoding:  Chunked \r\n\r\n0\r\n\r\n",
        400,
        "framing"),
    ROW("chunk size 0x5",
        POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        0,
        NULL),
    ROW("chunk size 5zzz",
        POST "Transfer-Encoding: chunked\r\n\r\n5zzz\r\nhello\r\n0\r\n\r\n",
        0,
        NULL),
    ROW("chunk size -1",
        POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
        0,
        NULL),
    ROW("17 hex digits",
        POST "Transfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
        0,
        NULL),
    ROW("LF behind an extension",
        POST "Transfer-Encoding: chunked\r\n\r\n5;a=b\nhello\r\n0\r\n\r\n",
        0,
        NULL),
};

static const struct bad heads[] = {
    ROW("obs-fold", "GET / HTTP/1.1\r\n" H "X: 1\r\n folded\r\n\r\n", 400, "syntax"),
    ROW("obs-fold by a tab", "GET / HTTP/1.1\r\n" H "X: 1\r\n\tfolded\r\n\r\n", 400, "syntax"),
    ROW("bare LF in all lines",
        "GET / HTTP/1.1\nHost: localhost\nX-Correlation-ID: framed\n\n",
        400,
        "syntax"),
    ROW("bare LF in one line", "GET / HTTP/1.1\r\n" H "X: 1\nY: 2\r\n\r\n", 400, "syntax"),
    ROW("bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400, "unparsed"),
    ROW("NUL in a value", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 400, "unparsed"),
    ROW("DEL in a value",
        "GET / HTTP/1.1\r\n" H "X: a\x7f"
        "b\r\n\r\n",
        400,
        "unparsed"),
    ROW("ESC in a value", "GET / HTTP/1.1\r\n" H "X: a\x1b[31mb\r\n\r\n", 400, "unparsed"),
    ROW("no colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400, "unparsed"),
    ROW("no name", "GET / HTTP/1.1\r\n" H ": 1\r\n\r\n", 400, "unparsed"),
    ROW("a space in a name", "GET / HTTP/1.1\r\n" H "X Y: 1\r\n\r\n", 400, "unparsed"),
    ROW("brackets in a name", "GET / HTTP/1.1\r\n" H "X(Y): 1\r\n\r\n", 400, "unparsed"),
    ROW("no Host", "GET / HTTP/1.1\r\n" ID "\r\n", 400, "host"),
    ROW("two Hosts", "GET / HTTP/1.1\r\n" H "Host: localhost\r\n\r\n", 400, "host"),
    ROW("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n" ID "\r\n", 400, "host"),
    ROW("a path in Host", "GET / HTTP/1.1\r\nHost: a/evil?x#@y z\r\n" ID "\r\n", 400, "host"),
    ROW("a user in Host", "GET / HTTP/1.1\r\nHost: evil@localhost\r\n" ID "\r\n", 400, "host"),
    ROW("a list of Hosts", "GET / HTTP/1.1\r\nHost: localhost, evil\r\n" ID "\r\n", 400, "host"),
    ROW("a word as port", "GET / HTTP/1.1\r\nHost: localhost:http\r\n" ID "\r\n", 400, "host"),
    ROW("another Host", "GET / HTTP/1.1\r\nHost: evil.example\r\n" ID "\r\n", 421, "misdirected"),
    ROW("Host of a subdomain",
        "GET / HTTP/1.1\r\nHost: x.localhost\r\n" ID "\r\n",
        421,
        "misdirected"),
    ROW("absolute form", "GET http://evil/ HTTP/1.1\r\n" H "\r\n", 400, "target"),
    ROW("absolute form, own name", "GET http://localhost/ HTTP/1.1\r\n" H "\r\n", 400, "target"),
    ROW("a target without slash", "GET health HTTP/1.1\r\n" H "\r\n", 400, "target"),
    ROW("* for GET", "GET * HTTP/1.1\r\n" H "\r\n", 400, "target"),
    ROW("a fragment", "GET /#x HTTP/1.1\r\n" H "\r\n", 400, "target"),
    ROW("CONNECT", "CONNECT evil:443 HTTP/1.1\r\n" H "\r\n", 405, "method"),
    ROW("TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", 405, "method"),
    ROW("PRI", "PRI * HTTP/1.1\r\n" H "\r\n", 405, "method"),
    ROW("a method in lower case", "get / HTTP/1.1\r\n" H "\r\n", 405, "method"),
    ROW("a method that is none", "G@T / HTTP/1.1\r\n" H "\r\n", 405, "method"),
    ROW("HTTP/0.9", "GET /\r\n\r\n", 400, "unparsed"),
    ROW("HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 400, "unparsed"),
    ROW("HTTP/1.10", "GET / HTTP/1.10\r\n" H "\r\n", 400, "unparsed"),
    ROW("http/1.1", "GET / http/1.1\r\n" H "\r\n", 400, "unparsed"),
    ROW("two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400, "unparsed"),
    ROW("two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", 400, "unparsed"),
    ROW("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, "unparsed"),
    ROW("an unknown Expect",
        POST "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
        417,
        "expectation"),
};

static const char *const codes[][2] = {
    {"syntax",          "bad_request"        },
    {"framing",         "bad_request"        },
    {"host",            "bad_request"        },
    {"target",          "bad_request"        },
    {"method",          "method_not_allowed" },
    {"length_required", "length_required"    },
    {"expectation",     "expectation_failed" },
    {"misdirected",     "misdirected_request"},
};

static const char *code_of(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(codes[i][0], reason) == 0)
            return codes[i][1];
    fail_msg("no code for %s", reason);
    return NULL;
}

/* One answer, then the end, whatever else was sent with it. */
static void check_refused(struct fixture *f, struct server *s, const struct bad *bad)
{
    struct wire *w = wire_to(s);
    const struct reply *r;

    (void)wire_write(w, bad->text, bad->n);
    r = wire_reply(f, w);
    if (bad->reason == NULL) { /* a broken chunk: refused as such, or as chunked */
        assert_true(r->status == 400 || r->status == 411);
        assert_manners(r);
    } else if (strcmp(bad->reason, "unparsed") == 0) {
        assert_status(r, bad->status);
        assert_null(reply_field(r, "server"));
    } else {
        assert_error(f, r, bad->status, code_of(bad->reason));
        assert_manners(r);
        if (memmem(bad->text, bad->n, "\r\n" ID, sizeof("\r\n" ID) - 1) != NULL)
            assert_field(r, "x-correlation-id", "framed");
    }
    assert_wire_ends(w);
    wire_close(w);
}

static double rejected(struct server *s)
{
    return metric_sum(s, "http_rejected_total");
}

static void check_table(struct fixture *f, struct server *s, const struct bad *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *series = rows[i].reason == NULL
                                 ? NULL
                                 : textf(f, "http_rejected_total{reason=\"%s\"}", rows[i].reason);
        double before = series != NULL ? metric(s, series) : 0, total = rejected(s);

        print_message("  %s\n", rows[i].name);
        check_refused(f, s, &rows[i]);
        EVENTUALLY(rejected(s) >= total + 1);
        assert_true(rejected(s) <= total + 1);
        if (series != NULL)
            assert_metric(s, series, before + 1);
        assert_true(server_lives(s));
    }
    assert_status(get(s, "/health"), 200);
}

TEST(a_body_of_ambiguous_length_is_refused)
{
    check_table(*state, server_start(*state, NULL), bodies, ARRAY_LEN(bodies));
}

TEST(a_head_that_parsers_disagree_on_is_refused)
{
    struct server *s = server_start(*state, SETS("hosts=localhost,127.0.0.1"));

    check_table(*state, s, heads, ARRAY_LEN(heads));
}

TEST(what_is_merely_unusual_is_served)
{
    static const char *const requests[] = {
        "\r\nGET /health HTTP/1.1\r\n" H "\r\n",
        "GET /health HTTP/1.9\r\n" H "\r\n",
        "GET /health HTTP/1.1\r\nHOST:localhost\r\n" ID "\r\n",
        "GET /health HTTP/1.1\r\nHost: \tlocalhost \t\r\n" ID "\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost:8000\r\n" ID "\r\n",
        "GET /health HTTP/1.1\r\nHost: [::1]:8000\r\n" ID "\r\n",
        "GET /health HTTP/1.1\r\n" H "X: \xff\xc3\xa4\ttext\r\n\r\n",
        "GET /health HTTP/1.1\r\n" H "X:\r\n\r\n",
        "GET /health HTTP/1.1\r\n" H "X_Y: 1\r\n\r\n",
        "GET /health HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}",
        "GET /health HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct wire *w = wire_to(s);
        const struct reply *r;

        wire_send(w, requests[i]);
        r = wire_reply(f, w);
        assert_status(r, 200);
        assert_field(r, "x-correlation-id", "framed");
    }
}

TEST(nothing_behind_a_refused_request_is_answered)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n" ID "\r\n" SECOND,
        "TRACE / HTTP/1.1\r\n" H "\r\n" SECOND,
        POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND,
        POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" SECOND,
        POST "Content-Length: 200000\r\n\r\n" SECOND,
        "GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n" SECOND,
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct wire *w = wire_to(s);

        wire_send(w, requests[i]);
        assert_true(wire_reply(f, w)->status >= 400);
        assert_wire_ends(w);
    }
    assert_metric(s, REQUESTS("GET", "unmatched", "404"), 0);
}

/* Requests sent = counted + rejected. `more` were sent besides. */
static void assert_balance(struct server *s, double sent)
{
    EVENTUALLY(metric_sum(s, "http_requests_total") + rejected(s) >= sent);
    assert_true(metric_sum(s, "http_requests_total") + rejected(s) <= sent);
}

TEST(the_books_balance)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("hosts=localhost,127.0.0.1", "contact.rate=off"));
    double sent = 0;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++, sent++)
        check_refused(f, s, &bodies[i]);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++, sent++)
        check_refused(f, s, &heads[i]);
    for (int i = 0; i < 20; i++, sent += 4) {
        struct wire *w = wire_to(s);

        assert_status(get(s, "/health"), 200);
        assert_status(post_json(s, ADA), 201);
        /* A good one and one libh2o can't read, on one connection. */
        wire_send(w, "GET / HTTP/1.1\r\n" H "\r\nGET / HTTP/3.0\r\n\r\n");
        assert_status(wire_reply(f, w), 200);
        assert_status(wire_reply(f, w), 400);
        assert_wire_ends(w);
    }
    /* Connections without a request, or with a part of one, are none. */
    wire_close(wire_to(s));
    wire_send(wire_to(s), "GET / HT");
    assert_balance(s, sent);
    assert_metric(s, "http_requests_in_flight{endpoint=\"/contact\"}", 0);
}

RUN_TESTS(T(a_body_of_ambiguous_length_is_refused),
          T(a_head_that_parsers_disagree_on_is_refused),
          T(what_is_merely_unusual_is_served),
          T(nothing_behind_a_refused_request_is_answered),
          T(the_books_balance))
