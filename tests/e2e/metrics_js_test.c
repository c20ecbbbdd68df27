/* SPDX-License-Identifier: MIT */
/* GET /metrics.js over the wire. What the client does in a browser is tests/browser's. */
#include "tests/e2e/lib/page.h"

static const struct reply *fetch(struct server *s, const char *method, const char *const *headers)
{
    const struct reply *r = ASK(s, .path = "/metrics.js", .method = method, .headers = headers);

    assert_manners(r);
    assert_field(r, "cache-control", "public, max-age=3600");
    assert_field(r, "vary", "Accept-Encoding");
    assert_field(r, "cross-origin-resource-policy", "cross-origin");
    return r;
}

TEST(the_client_comes_whole_and_then_only_when_it_changed)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *file = read_file(f, "src/web/metrics.js"), *tag;
    const struct reply *r = fetch(s, NULL, NULL);

    assert_status(r, 200);
    assert_field(r, "content-type", "text/javascript; charset=utf-8");
    assert_string_equal(r->body, file);
    tag = reply_field(r, "etag");
    assert_non_null(tag);

    r = fetch(s, NULL, HEADERS(textf(f, "If-None-Match: %s", tag)));
    assert_status(r, 304);
    assert_int_equal(r->body_len, 0);
    assert_field(r, "etag", tag);
    /* It would say that the file is empty. */
    assert_int_equal(reply_count(r, "content-length"), 0);
    assert_status(fetch(s, NULL, HEADERS("If-None-Match: \"another\"")), 200);
    assert_metric(s, REQUESTS("GET", "/metrics.js", "200"), 2);
    assert_metric(s, REQUESTS("GET", "/metrics.js", "304"), 1);
    assert_metric(s, SLO("availability", "good"), 0);
}

TEST(compressed_it_is_under_3000_bytes_and_has_another_tag)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *plain = reply_field(fetch(s, NULL, NULL), "etag"), *tag;
    const struct reply *r = fetch(s, NULL, HEADERS("Accept-Encoding: gzip"));

    assert_status(r, 200);
    assert_field(r, "content-encoding", "gzip");
    assert_true(r->body_len < 3000);
    tag = reply_field(r, "etag");
    assert_string_not_equal(tag, plain);
    assert_status(
        fetch(s, NULL, HEADERS("Accept-Encoding: gzip", textf(f, "If-None-Match: W/%s", tag))),
        304);
    assert_status(fetch(s, NULL, HEADERS(textf(f, "If-None-Match: %s", tag))), 200);
    r = ASK(s, .path = "/metrics.js", .gzip = true);
    assert_string_equal(r->body, read_file(f, "src/web/metrics.js"));
}

TEST(head_says_what_get_would)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *got = fetch(s, NULL, NULL), *head = fetch(s, "HEAD", NULL);

    assert_status(head, 200);
    assert_int_equal(head->body_len, 0);
    assert_field(head, "etag", reply_field(got, "etag"));
    assert_field(head, "content-length", textf(f, "%zu", got->body_len));
    assert_status(
        fetch(s, "HEAD", HEADERS(textf(f, "If-None-Match: %s", reply_field(got, "etag")))), 304);
    assert_field(ASK(s, .path = "/metrics.js", .body = "x"), "allow", "GET, HEAD, OPTIONS");
}

RUN_TESTS(T(the_client_comes_whole_and_then_only_when_it_changed),
          T(compressed_it_is_under_3000_bytes_and_has_another_tag),
          T(head_says_what_get_would))
