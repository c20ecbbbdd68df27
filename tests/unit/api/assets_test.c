/* SPDX-License-Identifier: MIT */
/* Files that are sent as they are: which form, under which name, and when only "you have it". */
#include "tests/unit/api/fake.h"

#include "api/assets.h"
#include "web/web.h"

#define ZLIB_CONST
#include <zlib.h>

enum {
    CLIENT_MAX = 3000
}; /* bytes of metrics.js on the wire: what the owner of a site was promised */

static void fetch(struct fake *f, const char *encodings, const char *if_none_match)
{
    fake_request(f, HTTP_GET);
    f->rq.head.accept_encoding = encodings != NULL ? slice_str(encodings) : SLICE_NONE;
    f->rq.head.if_none_match = if_none_match != NULL ? slice_str(if_none_match) : SLICE_NONE;
    metrics_js_get(&f->rq, &f->api);
    assert_int_equal(f->sent, 1);
}

static const char *etag(struct fake *f, char ret[64])
{
    const char *found = fake_header(f, "etag");

    assert_non_null(found);
    assert_true(strlen(found) < 64);
    return memcpy(ret, found, strlen(found) + 1);
}

static void expect_body(const struct fake *f)
{
    assert_int_equal(f->rq.status, 200);
    assert_true(slice_eq(f->rq.content_type, SLICE_LIT("text/javascript; charset=utf-8")));
    assert_true(slice_eq(f->rq.answer, web_metrics_js()));
}

/* What every answer says, 304 included (RFC 9110, 15.4.5). */
static void expect_manners(const struct fake *f)
{
    expect_header(f, "cache-control", "public, max-age=3600");
    expect_header(f, "vary", "Accept-Encoding");
    expect_header(f, "cross-origin-resource-policy", "cross-origin");
    assert_non_null(fake_header(f, "etag"));
}

TEST(the_client_is_sent_as_it_stands)
{
    struct fake f;

    fake_init(&f);
    fetch(&f, NULL, NULL);
    expect_body(&f);
    expect_manners(&f);
    assert_null(fake_header(&f, "content-encoding"));
    fake_release(&f);
}

TEST(compressed_it_is_the_same_client_under_3000_bytes)
{
    struct fake f;
    struct slice want = web_metrics_js();
    z_stream z = {0};
    char *text;

    fake_init(&f);
    fetch(&f, "br, gzip", NULL);
    assert_int_equal(f.rq.status, 200);
    expect_manners(&f);
    expect_header(&f, "content-encoding", "gzip");
    assert_true(f.rq.answer.n < CLIENT_MAX);
    text = must_calloc(1, want.n + 1);
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    z.next_in = (const unsigned char *)f.rq.answer.p;
    z.avail_in = (unsigned)f.rq.answer.n;
    z.next_out = (unsigned char *)text;
    z.avail_out = (unsigned)want.n + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, want.n);
    assert_memory_equal(text, want.p, want.n);
    (void)inflateEnd(&z);
    free(text);
    fake_release(&f);
}

TEST(each_form_has_a_strong_tag_of_its_own_that_stays)
{
    struct fake f;
    char plain[64], gzip[64], again[64];

    fake_init(&f);
    fetch(&f, NULL, NULL);
    (void)etag(&f, plain);
    fetch(&f, "gzip", NULL);
    (void)etag(&f, gzip);
    assert_string_not_equal(plain, gzip);
    assert_int_equal(plain[0], '"');
    assert_int_equal(strlen(plain), 34);
    assert_int_equal(plain[33], '"');
    fake_release(&f);

    fake_init(&f); /* another process, or this one started again */
    fetch(&f, NULL, NULL);
    assert_string_equal(etag(&f, again), plain);
    fake_release(&f);
}

TEST(who_has_this_form_is_told_so_without_a_body)
{
    struct fake f;
    char plain[64], gzip[64];

    fake_init(&f);
    fetch(&f, NULL, NULL);
    (void)etag(&f, plain);
    fetch(&f, "gzip", NULL);
    (void)etag(&f, gzip);

    fetch(&f, "gzip", gzip);
    assert_int_equal(f.rq.status, 304);
    assert_int_equal(f.rq.answer.n, 0);
    assert_null(f.rq.content_type.p);
    assert_null(fake_header(&f, "content-encoding"));
    expect_manners(&f);
    expect_header(&f, "etag", gzip);
    fetch(&f, NULL, plain);
    assert_int_equal(f.rq.status, 304);

    fetch(&f, NULL, gzip); /* it has the other one */
    expect_body(&f);
    fetch(&f, "gzip", plain);
    assert_int_equal(f.rq.status, 200);
    fetch(&f, NULL, "\"0123456789abcdef0123456789abcdef\"");
    expect_body(&f);
    fake_release(&f);
}

TEST(a_list_of_tags_is_compared_weakly)
{
    static const struct {
        const char *list;
        bool named;
    } cases[] = {
        {"\"tag\"",               true },
        {"*",                     true },
        {" * ",                   true },
        {"W/\"tag\"",             true },
        {"\"a\", \"tag\"",        true },
        {"\"a\",W/\"tag\",\"b\"", true },
        {", ,\t\"tag\" ,",        true },
        {"\"a,b\", \"tag\"",      true },
        {"",                      false},
        {"tag",                   false},
        {"\"tag",                 false},
        {"\"TAG\"",               false},
        {"w/\"tag\"",             false},
        {"W/",                    false},
        {"W/tag",                 false},
        {"\"tag2\"",              false},
        {"\"tag\" \"x\"",         false},
        {"\"*\"",                 false},
        {"*, \"a\"",              false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (assets_named(slice_str(cases[i].list), SLICE_LIT("\"tag\"")) != cases[i].named)
            fail_msg("If-None-Match: %s", cases[i].list);
    }
    assert_false(assets_named(SLICE_NONE, SLICE_LIT("\"tag\"")));
    assets_free(NULL);
}

/* A line that only newer browsers can read would end the client in older ones. */
TEST(the_client_keeps_to_es2017)
{
    static const char *const newer[] = {"?.", "??", "catch {", "{ ...", "**=", "||=", "&&=", "#"};
    struct slice text = web_metrics_js();

    for (size_t i = 0; i < ARRAY_LEN(newer); i++) {
        if (memmem(text.p, text.n, newer[i], strlen(newer[i])) != NULL)
            fail_msg("metrics.js has %s", newer[i]);
    }
}

TEST(the_client_keeps_nothing_in_the_browser_and_sends_no_text_of_errors)
{
    static const char *const never[] = {
        "cookie",    "localStorage", "sessionStorage", "indexedDB",  "userAgent", "screen.",
        "languages", ".stack",       "filename",       "referrer",   "search",    "hash",
        "eval",      "Function(",    "window.",        "globalThis",
    };
    struct slice text = web_metrics_js();

    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (memmem(text.p, text.n, never[i], strlen(never[i])) != NULL)
            fail_msg("metrics.js has %s", never[i]);
    }
    assert_non_null(memmem(text.p, text.n, "doNotTrack", 10));
    assert_non_null(memmem(text.p, text.n, "globalPrivacyControl", 20));
}

RUN_TESTS(T(the_client_is_sent_as_it_stands),
          T(compressed_it_is_the_same_client_under_3000_bytes),
          T(each_form_has_a_strong_tag_of_its_own_that_stays),
          T(who_has_this_form_is_told_so_without_a_body),
          T(a_list_of_tags_is_compared_weakly),
          T(the_client_keeps_to_es2017),
          T(the_client_keeps_nothing_in_the_browser_and_sends_no_text_of_errors))
