/* SPDX-License-Identifier: MIT */
/*
 * Header fields and targets from hostile clients: what may come back in an answer, and that no name is built from them.
 * Who is believed is clients_test.c's, what gets into logs leaks_test.c's, what is one request framing_test.c's.
 */
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/flow.h"
#include "tests/faults/lib/promise.h"

#include <ctype.h>
#include <strings.h>

/* libh2o's own answer to what it cannot parse: bare, and without an ID. */
static bool is_canned(const struct reply *r)
{
    return r->status == 400 && reply_count(r, "x-correlation-id") == 0;
}

/* ---- the correlation ID, byte by byte ---- */

static bool id_byte(int c)
{
    return c < 0x80 && (isalnum(c) || c == '.' || c == '_' || c == '-');
}

/* A field with one byte `c` in "ab": in front, between, behind. */
static const struct reply *send_id(struct server *s, const char *name, size_t place, int c)
{
    struct buf b = BUF_INIT;
    const struct reply *r;

    buf_addf(&b, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n%s: ", name);
    buf_add(&b, "ab", place);
    buf_add_char(&b, (char)c);
    buf_add(&b, &"ab"[place], 2 - place);
    buf_add_str(&b, "\r\n\r\n");
    r = flow_send(s, (struct slice){b.data, b.len});
    buf_release(&b);
    return r;
}

static void check_id(struct fixture *f, const struct reply *r, size_t place, int c)
{
    const char *id = reply_field(r, "x-correlation-id");
    bool edge = place != 1 && (c == ' ' || c == '\t'); /* not part of the value */

    if (c == 0x7f || (c < 0x20 && c != '\t')) {
        assert_int_equal(r->status, 400);
        assert_true(id == NULL || strlen(id) == 36);
        return;
    }
    assert_error(f, r, 404, "not_found");
    if (edge)
        assert_string_equal(id, "ab");
    else if (id_byte(c))
        assert_string_equal(id, textf(f, "%.*s%c%s", (int)place, "ab", c, &"ab"[place]));
    else
        assert_int_equal(strlen(id), 36);
}

TEST(an_id_comes_back_only_when_each_of_its_bytes_may)
{
    static const char *const names[] = {"X-Correlation-ID", "x-request-id"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    size_t n = 0;

    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        for (size_t place = 0; place < 3; place++)
            for (int c = 0; c < 256; c++, n++)
                check_id(f, send_id(s, names[k], place, c), place, c);
    for (int len = 0; len < 130; len++, n++) {
        const struct reply *r = flow_send_text(
            s, textf(f, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: %0*d\r\n\r\n", len,
                     0));

        /* %0*d writes one digit at least. */
        assert_int_equal(strlen(reply_field(r, "x-correlation-id")),
                         len <= 64 ? (len > 0 ? len : 1) : 36);
    }
    assert_true(server_lives(s));
    promise("C41",
            "An ID of a client comes back only as 1 to 64 of A-Z a-z 0-9 . _ -, else a new one",
            "every byte in three places of both fields, every length up to 129",
            "%zu requests, 0 other bytes sent back", n);
}

/* ---- what comes back at all ---- */

/* All names that an answer may have. */
static const char *const known[] = {
    "accept",
    "accept-encoding",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "location",
    "referrer-policy",
    "retry-after",
    "server-timing",
    "vary",
    "x-content-type-options",
    "x-correlation-id",
    "x-frame-options",
};

static void check_reply(const struct reply *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        bool found = false;

        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            found = found || strcmp(known[k], r->fields[i].name) == 0;
        if (!found && !is_canned(r))
            fail_msg("a field nobody knows: %s", r->fields[i].name);
        if (strcasestr(r->fields[i].value, "evil") != NULL)
            fail_msg("sent back: %s: %s", r->fields[i].name, r->fields[i].value);
    }
    if (strcasestr(r->body, "evil") != NULL)
        fail_msg("sent back: %s", r->body);
    if (!is_canned(r))
        assert_manners(r);
}

static const char *const starts[] = {
    "GET / HTTP/1.1\r\nHost: localhost\r\n",
    "GET /health HTTP/1.1\r\nHost: localhost\r\n",
    "GET /contact HTTP/1.1\r\nHost: localhost\r\n",
    "GET /metrics.js HTTP/1.1\r\nHost: localhost\r\n",
    "GET /nothing HTTP/1.1\r\nHost: localhost\r\n",
    "DELETE /contact HTTP/1.1\r\nHost: localhost\r\n",
    "OPTIONS /contact HTTP/1.1\r\nHost: localhost\r\nOrigin: https://good.example\r\n"
    "Access-Control-Request-Method: POST\r\n",
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" FORM_TYPE "\r\nContent-Length: 46\r\n",
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\nContent-Length: 46\r\n",
};

static const char *const fields[] = {
    "X-Correlation-ID: evil%0d%0aevil: 1",
    "X-Correlation-ID: evil\\r\\nevil: 1",
    "X-Correlation-ID: evil\xc4\x8d\xc4\x8axevil: 1", /* CR and LF when cut to a byte */
    "X-Correlation-ID: evil\xe5\x98\x8d\xe5\x98\x8axevil: 1",
    "X-Correlation-ID: evil\revil: 1",
    "X-Correlation-ID: evil\nevil: 1",
    "X-Request-ID: evil evil",
    "traceparent: evil",
    "tracestate: evil=1",
    "Origin: https://evil.example",
    "Origin: https://good.example.evil.example",
    "Origin: https://good.example\r\nOrigin: https://evil.example",
    "Origin: null, evil",
    "Access-Control-Request-Headers: evil",
    "Access-Control-Request-Method: EVIL",
    "Referer: https://evil.example/",
    "User-Agent: evil",
    "Cookie: evil=1",
    "Accept: text/evil",
    "Accept-Language: evil",
    "Accept-Encoding: evil",
    "If-None-Match: \"evil\"",
    "Idempotency-Key: \"evil",
    "Range: bytes=0-evil",
    "X-Forwarded-For: evil",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: evil",
    "Forwarded: host=evil.example;proto=evil",
    "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil",
    "X-HTTP-Method-Override: EVIL",
    "Connection: evil",
    "Upgrade: evil",
    "Via: 1.1 evil",
    "TE: evil",
    "Trailer: evil",
    "Cache-Control: evil",
    "Authorization: evil",
    "evil: evil",
};

TEST(nothing_a_client_sends_becomes_a_field_of_the_answer)
{
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("contact.rate=off", "cors.origins=https://good.example"));
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        for (size_t k = 0; k < ARRAY_LEN(fields); k++, n++) {
            bool body = strstr(starts[i], "Content-Length") != NULL;

            check_reply(flow_send_text(
                s, textf(f, "%s%s\r\n\r\n%s", starts[i], fields[k], body ? ADA_FORM : "")));
        }
    assert_true(server_lives(s));
    promise(
        "C43", "Answers have known fields only, without control bytes or a part of the request",
        "fields that carry line breaks, hosts and words, to routes of each kind, by a raw client",
        "%zu requests, 0 words sent back", n);
}

TEST(targets_do_not_come_back_either)
{
    static const char *const targets[] = {
        "/evil",
        "/evil%0d%0aevil:%201",
        "/%0d%0aSet-Cookie:%20evil=1",
        "/?evil=%0d%0aevil:1",
        "/contact?redirect=https://evil.example",
        "/contact?next=//evil.example",
        "/contact/thanks?evil=<script>",
        "//evil.example/",
        "/\\evil.example",
        "/%5cevil.example",
        "/health?evil",
        "/%3Cscript%3Eevil%3C/script%3E",
        "/evil\"onload=\"evil",
        "/evil\xe5\x98\x8a\xe5\x98\x8dxevil",
        "http://evil.example/",
        "/contact/../evil",
        "/evil;evil",
    };
    static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "EVIL"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        for (size_t k = 0; k < ARRAY_LEN(methods); k++, n++) {
            struct wire *w = wire_to(s);

            wire_send(w, textf(f,
                               "%s %s HTTP/1.1\r\nHost: localhost\r\n" FORM_TYPE
                               "\r\nContent-Length: 46\r\n\r\n%s",
                               methods[k], targets[i], ADA_FORM));
            check_reply(strcmp(methods[k], "HEAD") == 0 ? wire_reply_head(f, w) : wire_reply(f, w));
            wire_close(w);
        }
    promise("C43", "No answer repeats a path or a query",
            "targets with line breaks, hosts, scripts", "%zu requests, 0 words sent back", n);
}

/* ---- Host ---- */

TEST(no_name_is_built_from_host)
{
    static const char *const hosts[] = {
        "Host: evil.example",
        "Host: evil.example:8000",
        "Host: localhost\r\nX-Forwarded-Host: evil.example",
        "Host: localhost\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https",
        "Host: localhost\r\nForwarded: host=evil.example;proto=https",
        "Host: localhost\r\nX-Host: evil.example\r\nX-Forwarded-Server: evil.example",
    };
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n%s\r\nAccept: text/html\r\n\r\n",
        "GET / HTTP/1.1\r\n%s\r\n\r\n",
        "GET /health HTTP/1.1\r\n%s\r\n\r\n",
        "GET /contact HTTP/1.1\r\n%s\r\n\r\n",
        "GET /contact/thanks HTTP/1.1\r\n%s\r\n\r\n",
        "GET /metrics.js HTTP/1.1\r\n%s\r\n\r\n",
        "GET /nothing HTTP/1.1\r\n%s\r\n\r\n",
        "OPTIONS /contact HTTP/1.1\r\n%s\r\n\r\n",
        ("POST /contact HTTP/1.1\r\n%s\r\n" FORM_TYPE "\r\nContent-Length: 46\r\n\r\n" ADA_FORM),
        ("POST /contact HTTP/1.1\r\n%s\r\n" JSON_TYPE "\r\nContent-Length: 2\r\n\r\n{}"),
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    size_t n = 0, redirects = 0;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        for (size_t k = 0; k < ARRAY_LEN(requests); k++, n++) {
            const char *part = strstr(requests[k], "%s");
            const struct reply *r =
                flow_send_text(s, textf(f, "%.*s%s%s", (int)(part - requests[k]), requests[k],
                                        hosts[i], part + 2));

            check_reply(r);
            if (r->status == 303)
                assert_field(r, "location", "/contact/thanks");
            redirects += r->status == 303;
        }
    assert_int_equal(redirects, ARRAY_LEN(hosts));
    promise("C49", "No link, redirect or page is built from Host or a forwarded host",
            "every public route with another host in six ways",
            "%zu requests, %zu redirects, 0 with its name", n, redirects);
}

RUN_TESTS(T(an_id_comes_back_only_when_each_of_its_bytes_may),
          T(nothing_a_client_sends_becomes_a_field_of_the_answer),
          T(targets_do_not_come_back_either),
          T(no_name_is_built_from_host))
