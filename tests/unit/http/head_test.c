/* SPDX-License-Identifier: MIT */
/*
 * The head scanner's limits, the Host rule, and what is picked up. What is refused stands in
 * head_refusals_test.c.
 */
#include "tests/unit/http/scan.h"

#include <stdio.h>

TEST(hosts_are_names_addresses_and_ports)
{
    static const struct {
        const char *host, *name; /* NULL: invalid */
    } rows[] = {
        {"a",                  "a"               },
        {"shop.example",       "shop.example"    },
        {"Shop.Example:8000",  "Shop.Example"    },
        {"my_service-1:80",    "my_service-1"    },
        {"shop.example.",      "shop.example."   },
        {"127.0.0.1",          "127.0.0.1"       },
        {"127.0.0.1:65535",    "127.0.0.1"       },
        {"a:",                 "a"               },
        {"[::1]",              "::1"             },
        {"[::1]:8000",         "::1"             },
        {"[2001:db8::7]:1",    "2001:db8::7"     },
        {"[::ffff:192.0.2.1]", "::ffff:192.0.2.1"},
        {"",                   NULL              },
        {":80",                NULL              },
        {"a:b",                NULL              },
        {"a:8o",               NULL              },
        {"a:123456",           NULL              },
        {"a:1:2",              NULL              },
        {"a b",                NULL              },
        {"a/b",                NULL              },
        {"a\\b",               NULL              },
        {"a%41",               NULL              },
        {"\xc3\xa4.example",   NULL              },
        {"::1",                NULL              },
        {"[::1",               NULL              },
        {"[]",                 NULL              },
        {"[]:80",              NULL              },
        {"[::1]x",             NULL              },
        {"[::1]80",            NULL              },
        {"[::1]:x",            NULL              },
        {"[fe80::1%eth0]",     NULL              },
        {"[127.0.0.1]",        NULL              },
        {"[shop.example]",     NULL              },
        {"[::g]",              NULL              },
        {"x[::1]",             NULL              },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct slice untouched = SLICE_LIT("untouched");
        struct slice name = untouched;
        bool ok = head_host_valid(slice_str(rows[i].host), &name);

        if (ok != (rows[i].name != NULL))
            fail_msg("'%s' is %s", rows[i].host, ok ? "valid" : "invalid");
        assert_true(slice_eq(name, ok ? slice_str(rows[i].name) : untouched));
    }
}

TEST(a_host_name_has_at_most_253_bytes)
{
    char text[254];
    struct slice name = SLICE_NONE;

    memset(text, 'a', sizeof(text));
    assert_true(head_host_valid((struct slice){text, 253}, &name));
    assert_int_equal(name.n, 253);
    assert_false(head_host_valid((struct slice){text, 254}, &name));
    assert_int_equal(name.n, 253);
}

/* ---- limits: the last that fits, and one more ---- */

static void add_many(struct buf *b, char c, size_t n)
{
    memset(buf_reserve(b, n), c, n);
    b->len += n;
}

TEST(a_target_has_at_most_2048_bytes)
{
    for (size_t n = 2047; n <= 2049; n++) {
        struct buf b = BUF_INIT;

        buf_add_char(&b, '/');
        add_many(&b, 'a', n - 1);
        assert_int_equal(refusal_of_target((struct slice){b.data, b.len}),
                         n <= HEAD_TARGET_MAX ? REFUSED_NOT : REFUSED_TARGET_TOO_LONG);
        b.data[1] = '?';
        assert_int_equal(refusal_of_target((struct slice){b.data, b.len}),
                         n <= HEAD_TARGET_MAX ? REFUSED_NOT : REFUSED_TARGET_TOO_LONG);
        buf_release(&b);
    }
}

TEST(a_field_value_has_at_most_8192_bytes)
{
    for (size_t n = 8191; n <= 8193; n++) {
        struct buf b = BUF_INIT;

        add_many(&b, 'v', n);
        assert_int_equal(refusal_with("X", (struct slice){b.data, b.len}),
                         n <= HEAD_FIELD_MAX ? REFUSED_NOT : REFUSED_HEAD_TOO_LARGE);
        buf_release(&b);
    }
}

TEST(a_head_has_at_most_64_fields)
{
    for (size_t n = 63; n <= 65; n++) {
        struct buf b = BUF_INIT;

        buf_add_str(&b, GET);
        for (size_t i = 1; i < n; i++)
            buf_add_str(&b, "X: y\r\n");
        buf_add_str(&b, END);
        assert_int_equal(refusal_of((struct slice){b.data, b.len}),
                         n <= HEAD_FIELDS_MAX ? REFUSED_NOT : REFUSED_HEAD_TOO_LARGE);
        buf_release(&b);
    }
}

TEST(a_head_has_at_most_16384_bytes)
{
    for (size_t n = 16383; n <= 16385; n++) {
        struct buf b = BUF_INIT;
        struct scanned s;

        buf_add_str(&b, GET "A: ");
        add_many(&b, 'v', HEAD_FIELD_MAX);
        buf_add_str(&b, "\r\nB: v\r\nC: ");
        add_many(&b, 'v', n - b.len - 4);
        buf_add_str(&b, "\r\n" END);
        assert_int_equal(b.len, n);
        buf_add_str(&b, "a body does not count");
        s = scan((struct slice){b.data, b.len});
        assert_int_equal(s.head.size, n);
        assert_int_equal(s.head.refusal, n <= HEAD_MAX ? REFUSED_NOT : REFUSED_HEAD_TOO_LARGE);
        free(s.copy);
        buf_release(&b);
    }
}

TEST(no_cut_head_passes)
{
    static const char whole[] = "POST /contact?a=b HTTP/1.1\r\nHost: shop.example:80\r\nAccept: "
                                "*/*\r\nContent-Length: 12\r\nX: y\r\n\r\n";

    for (size_t n = 0; n < sizeof(whole) - 1; n++)
        assert_int_equal(refusal_of((struct slice){whole, n}), REFUSED_SYNTAX);
    assert_int_equal(refusal_of((struct slice){whole, sizeof(whole) - 1}), REFUSED_NOT);
}

/* ---- what is picked up ---- */

static void expect(struct slice got, const char *want)
{
    if (!slice_eq(got, slice_str(want)))
        fail_msg("got '%.*s', want '%s'", (int)got.n, got.p, want);
}

#define EVERYTHING                                                                          \
    "POST /contact?a=b?c HTTP/1.1\r\nHost: Shop.example:8000\r\nUser-Agent:  curl/8.0 \r\n" \
    "Accept: text/html\r\nAccept-Encoding: gzip\r\nOrigin: https://shop.example\r\n"        \
    "Content-Type: application/json; charset=utf-8\r\nContent-Encoding: identity\r\n"       \
    "Content-Length: 2\r\nX-Correlation-ID: abc-1\r\nX-Request-ID: def-2\r\n"               \
    "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"              \
    "Idempotency-Key: k1\r\nX-Real-IP: 203.0.113.9\r\nConnection: keep-alive\r\n"           \
    "If-None-Match: W/\"a\", \"b\"\r\nAccess-Control-Request-Method: PUT\r\n\r\n"

TEST(every_field_we_use_is_picked_up)
{
    struct scanned s = scan_as((struct slice)RAW(EVERYTHING "{}"), SLICE_LIT("x-real-ip"));
    const struct head *h = &s.head;

    assert_int_equal(h->refusal, REFUSED_NOT);
    assert_int_equal(h->method, HTTP_POST);
    assert_int_equal(h->minor, 1);
    assert_true(h->has_length);
    assert_false(h->chunked);
    assert_true(h->forwarded);
    assert_int_equal(h->size, sizeof(EVERYTHING) - 1);
    expect(h->target, "/contact?a=b?c");
    expect(h->path, "/contact");
    expect(h->query, "a=b?c");
    expect(h->host, "Shop.example:8000");
    expect(h->name, "Shop.example");
    expect(h->user_agent, "curl/8.0");
    expect(h->accept, "text/html");
    expect(h->accept_encoding, "gzip");
    expect(h->origin, "https://shop.example");
    expect(h->content_type, "application/json; charset=utf-8");
    expect(h->content_encoding, "identity");
    expect(h->correlation_id, "abc-1");
    expect(h->request_id, "def-2");
    expect(h->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    expect(h->idempotency_key, "k1");
    expect(h->client_ip, "203.0.113.9");
    expect(h->if_none_match, "W/\"a\", \"b\"");
    expect(h->access_control_request_method, "PUT");
    assert_int_equal(h->origin_count, 1);
    assert_int_equal(h->correlation_count, 1);
    assert_int_equal(h->request_id_count, 1);
    assert_int_equal(h->key_count, 1);
    assert_int_equal(h->client_ip_count, 1);
    assert_ptr_equal(h->target.p, s.copy + 5); /* slices point into the input */
    free(s.copy);
}

TEST(what_only_a_proxy_sends_is_noticed)
{
    static const struct {
        const char *field;
        bool proxied;
    } cases[] = {
        {"Via: 1.1 x",              true },
        {"X-Forwarded-Proto: http", true },
        {"x-forwarded-host: a",     true },
        {"X-Forwarded-Port: 80",    false},
        {"Vie: 1.1 x",              false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char raw[128];
        int n =
            snprintf(raw, sizeof(raw), GET "%s\r\nSec-Fetch-Site: none\r\n" END, cases[i].field);
        struct scanned s = scan_as((struct slice){raw, (size_t)n}, SLICE_LIT("x-real-ip"));

        assert_int_equal(s.head.proxied, cases[i].proxied);
        assert_false(s.head.forwarded);
        expect(s.head.sec_fetch_site, "none");
        free(s.copy);
    }
}

TEST(what_is_not_sent_is_none)
{
    struct scanned s = scan_as((struct slice)RAW(GET END), SLICE_LIT("x-real-ip"));
    const struct head *h = &s.head;
    const struct slice none[] = {
        h->query,         h->content_type,    h->accept,      h->content_encoding,
        h->user_agent,    h->accept_encoding, h->origin,      h->access_control_request_method,
        h->request_id,    h->correlation_id,  h->traceparent, h->client_ip,
        h->if_none_match, h->idempotency_key};

    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_null(none[i].p);
        assert_int_equal(none[i].n, 0);
    }
    assert_false(h->has_length || h->chunked || h->forwarded || h->close);
    assert_int_equal(h->correlation_count + h->request_id_count + h->key_count, 0);
    assert_int_equal(h->type_count + h->encoding_count, 0);
    assert_int_equal(h->client_ip_count + h->origin_count, 0);
    free(s.copy);
}

TEST(path_and_query_part_at_the_first_question_mark)
{
    static const struct {
        const char *target, *path, *query; /* NULL: no query */
    } rows[] = {
        {"/",      "/",    NULL },
        {"/a/b",   "/a/b", NULL },
        {"/?",     "/",    ""   },
        {"/a?b",   "/a",   "b"  },
        {"/a?b?c", "/a",   "b?c"},
        {"//a?/",  "//a",  "/"  },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT;
        struct scanned s;

        buf_addf(&b, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
        s = scan((struct slice){b.data, b.len});
        expect(s.head.target, rows[i].target);
        expect(s.head.path, rows[i].path);
        if (rows[i].query != NULL)
            expect(s.head.query, rows[i].query);
        assert_int_equal(s.head.query.p != NULL, rows[i].query != NULL);
        free(s.copy);
        buf_release(&b);
    }
}

TEST(the_minor_version_is_told)
{
    static const char *const versions[] = {"1.0", "1.1", "1.2", "1.9"};

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct buf b = BUF_INIT;
        struct scanned s;

        buf_addf(&b, "GET / HTTP/%s\r\nHost: a\r\n\r\n", versions[i]);
        s = scan((struct slice){b.data, b.len});
        assert_int_equal(s.head.refusal, REFUSED_NOT);
        assert_int_equal(s.head.minor, versions[i][2] - '0');
        free(s.copy);
        buf_release(&b);
    }
}

TEST(forwarding_fields_are_noticed)
{
    static const char *const fields[] = {"X-Real-IP", "Forwarded", "X-Forwarded-For",
                                         "CF-Connecting-IP", "x-client"};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct buf b = BUF_INIT;
        struct scanned s;

        buf_addf(&b, "%s%s: 203.0.113.9\r\n\r\n", GET, fields[i]);
        s = scan_as((struct slice){b.data, b.len}, SLICE_LIT("x-client"));
        assert_true(s.head.forwarded);
        assert_int_equal(s.head.client_ip_count, i == 4); /* only the configured one is read */
        assert_int_equal(s.head.client_ip.n, i == 4 ? 11 : 0);
        free(s.copy);
        s = scan((struct slice){b.data, b.len});
        assert_int_equal(s.head.forwarded, i < 4);
        assert_int_equal(s.head.client_ip_count, 0);
        free(s.copy);
        buf_release(&b);
    }
}

TEST(a_client_ip_field_may_be_one_we_know_anyway)
{
    struct scanned s =
        scan_as((struct slice)RAW(GET "Origin: 192.0.2.1\r\n" END), SLICE_LIT("origin"));

    expect(s.head.origin, "192.0.2.1");
    expect(s.head.client_ip, "192.0.2.1");
    free(s.copy);
}

TEST(repeated_fields_are_counted_and_the_last_one_kept)
{
    struct scanned s = scan_as(
        (struct slice)RAW(GET "X-Correlation-ID: a\r\nx-correlation-id: b\r\nX-Request-ID: c\r\n"
                              "X-Request-ID: d\r\nX-Request-ID: e\r\nIdempotency-Key: f\r\n"
                              "Idempotency-Key: g\r\nX-Real-IP: 192.0.2.1\r\n"
                              "X-Real-IP: 192.0.2.2\r\nAccept: h\r\nAccept: i\r\n"
                              "Origin: https://a.example\r\nORIGIN: https://b.example\r\n"
                              "If-None-Match: j\r\nIf-None-Match: k\r\n" END),
        SLICE_LIT("x-real-ip"));
    const struct head *h = &s.head;

    assert_int_equal(h->refusal, REFUSED_NOT);
    assert_int_equal(h->correlation_count, 2);
    assert_int_equal(h->request_id_count, 3);
    assert_int_equal(h->key_count, 2);
    assert_int_equal(h->client_ip_count, 2);
    expect(h->correlation_id, "b");
    expect(h->request_id, "e");
    expect(h->idempotency_key, "g");
    expect(h->client_ip, "192.0.2.2");
    expect(h->accept, "i");
    assert_int_equal(h->origin_count, 2);
    expect(h->origin, "https://b.example");
    expect(h->if_none_match, "k");
    free(s.copy);
}

TEST(a_body_whose_type_or_encoding_is_named_twice_is_told)
{
    struct scanned s = scan((struct slice)RAW(
        POST "Content-Type: a\r\ncontent-type: b\r\nContent-Encoding: c\r\nX: y\r\n"
             "CONTENT-ENCODING: d\r\nContent-Encoding: e\r\nContent-Length: 0\r\n" END));

    assert_int_equal(s.head.refusal, REFUSED_NOT); /* whoever reads the body refuses it */
    assert_int_equal(s.head.type_count, 2);
    assert_int_equal(s.head.encoding_count, 3);
    expect(s.head.content_type, "b");
    expect(s.head.content_encoding, "e");
    free(s.copy);
}

TEST(close_is_found_anywhere_in_connection)
{
    static const struct {
        struct slice raw;
        bool close;
    } rows[] = {
        {FIELDS("X: close\r\n"),                                            false},
        {FIELDS("Connection: keep-alive\r\n"),                              false},
        {FIELDS("Connection:\r\n"),                                         false},
        {FIELDS("Connection: closed\r\n"),                                  false},
        {FIELDS("Connection: not close\r\n"),                               false},
        {FIELDS("Connection: close\r\n"),                                   true },
        {FIELDS("connection: Close\r\n"),                                   true },
        {FIELDS("Connection: keep-alive, close\r\n"),                       true },
        {FIELDS("Connection: close, keep-alive\r\n"),                       true },
        {FIELDS("Connection: te ,\tCLOSE\t, x\r\n"),                        true },
        {FIELDS("Connection: ,,close\r\n"),                                 true },
        {FIELDS("Connection: close\r\nConnection: keep-alive\r\n"),         true },
        {FIELDS("Connection: keep-alive\r\nX: y\r\nConnection: close\r\n"), true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scanned s = scan(rows[i].raw);

        assert_int_equal(s.head.refusal, REFUSED_NOT);
        if (s.head.close != rows[i].close)
            fail_msg("%.*s: close %d", (int)rows[i].raw.n, rows[i].raw.p, s.head.close);
        free(s.copy);
    }
}

TEST(counts_end_at_255)
{
    struct buf b = BUF_INIT;
    struct scanned s;

    buf_add_str(&b, GET);
    for (int i = 0; i < 300; i++)
        buf_add_str(&b, "X-Request-ID: a\r\nX-Real-IP: 192.0.2.1\r\n");
    buf_add_str(&b, END);
    s = scan_as((struct slice){b.data, b.len}, SLICE_LIT("x-real-ip"));
    assert_int_equal(s.head.refusal, REFUSED_HEAD_TOO_LARGE);
    assert_int_equal(s.head.request_id_count, 255);
    assert_int_equal(s.head.client_ip_count, 255);
    free(s.copy);
    buf_release(&b);
}

#define ID "X-Correlation-ID: abc\r\n"

TEST(a_refused_head_keeps_the_correlation_id)
{
    static const struct {
        struct slice raw;
        enum refusal want;
    } rows[] = {
        {RAW("GET / HTTP/1.1\r\n" ID "X : y\r\n\r\n"),   REFUSED_SYNTAX}, /* before the fault */
        {RAW("GET / HTTP/1.1\r\nX : y\r\n" ID "\r\n"),   REFUSED_SYNTAX}, /* and behind it */
        {RAW("get / HTTP/1.1\r\nHost: a\r\n" ID "\r\n"), REFUSED_METHOD},
        {RAW("GET / HTTP/2.0\r\n" ID "\r\n"),            REFUSED_SYNTAX},
        {RAW("GET / HTTP/1.1\r\n" ID "\r\n"),            REFUSED_HOST  },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scanned s = scan(rows[i].raw);

        assert_int_equal(s.head.refusal, rows[i].want);
        expect(s.head.correlation_id, "abc");
        assert_int_equal(s.head.correlation_count, 1);
        free(s.copy);
    }
}

RUN_TESTS(T(hosts_are_names_addresses_and_ports),
          T(a_host_name_has_at_most_253_bytes),
          T(a_target_has_at_most_2048_bytes),
          T(a_field_value_has_at_most_8192_bytes),
          T(a_head_has_at_most_64_fields),
          T(a_head_has_at_most_16384_bytes),
          T(no_cut_head_passes),
          T(every_field_we_use_is_picked_up),
          T(what_only_a_proxy_sends_is_noticed),
          T(what_is_not_sent_is_none),
          T(path_and_query_part_at_the_first_question_mark),
          T(the_minor_version_is_told),
          T(forwarding_fields_are_noticed),
          T(a_client_ip_field_may_be_one_we_know_anyway),
          T(repeated_fields_are_counted_and_the_last_one_kept),
          T(a_body_whose_type_or_encoding_is_named_twice_is_told),
          T(close_is_found_anywhere_in_connection),
          T(counts_end_at_255),
          T(a_refused_head_keeps_the_correlation_id))
