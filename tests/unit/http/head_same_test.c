/* SPDX-License-Identifier: MIT */
/*
 * The fast scanner and the slow reference agree, on heads put together at random from what matters
 * to either. The fuzz target does the same with any bytes; this runs with the other tests.
 */
#include "tests/unit/http/scan.h"

#include "tests/fuzz/head_reference.h"

enum { HEADS = 150000 };

static uint64_t rnd(uint64_t *rng, uint64_t below)
{
    *rng ^= *rng << 13;
    *rng ^= *rng >> 7;
    *rng ^= *rng << 17;
    return (*rng >> 20) % below;
}

static const struct slice methods[] = {
    {"GET",     3},
    {"GET",     3},
    {"HEAD",    4},
    {"POST",    4},
    {"PUT",     3},
    {"PATCH",   5},
    {"DELETE",  6},
    {"OPTIONS", 7},
    {"TRACE",   5},
    {"get",     3},
    {"CONNECT", 7},
    {"G\0T",    3},
    {"",        0},
    {"GETX",    4},
    {"PATC",    4},
    {"OPTION",  6}
};
static const struct slice targets[] = {
    {"/",                      1 },
    {"/health",                7 },
    {"*",                      1 },
    {"/a?b=c&d",               8 },
    {"/%41%20",                7 },
    {"/%0a",                   4 },
    {"/?%0a%00",               8 },
    {"/a/?%7F",                7 },
    {"/x#y",                   4 },
    {"/\\",                    2 },
    {"/\xc3",                  2 },
    {"/?a?b%",                 6 },
    {"",                       0 },
    {"http://a/",              9 },
    {"/a-longer/path_of~more", 22},
    {"/%7f?%1",                7 },
    {"/a b",                   4 }
};
static const struct slice versions[] = {
    {"HTTP/1.1",  8},
    {"HTTP/1.1",  8},
    {"HTTP/1.1",  8},
    {"HTTP/1.0",  8},
    {"HTTP/1.9",  8},
    {"HTTP/2.0",  8},
    {"HTTP/1.x",  8},
    {"HTTP/1.1 ", 9},
    {"",          0}
};
static const struct slice ends[] = {
    {"\n",       1},
    {"\r",       1},
    {"",         0},
    {"\r\r\n",   3},
    {" \r\n",    3},
    {"\t\r\n",   3},
    {"\r\n ",    3},
    {"\r\n\r\n", 4}
};
static const char *const names[] = {"host",
                                    "Host",
                                    "via",
                                    "accept",
                                    "expect",
                                    "origin",
                                    "x-real-ip",
                                    "forwarded",
                                    "connection",
                                    "user-agent",
                                    "traceparent",
                                    "content-type",
                                    "x-request-id",
                                    "if-none-match",
                                    "content-length",
                                    "sec-fetch-site",
                                    "accept-encoding",
                                    "idempotency-key",
                                    "x-forwarded-for",
                                    "content-encoding",
                                    "cf-connecting-ip",
                                    "x-correlation-id",
                                    "x-forwarded-host",
                                    "transfer-encoding",
                                    "x-forwarded-proto",
                                    "access-control-request-method",
                                    "accept-language",
                                    "access-control-request-methods",
                                    "hos",
                                    "hosts",
                                    "x",
                                    "",
                                    " folded",
                                    "x-9",
                                    "priority",
                                    "a-name-that-is-longer-than-any-that-is-known"};
static const struct slice values[] = {
    {"a",                                                        1 },
    {"",                                                         0 },
    {"127.0.0.1:18100",                                          15},
    {"[::1]:80",                                                 8 },
    {"a.example",                                                9 },
    {"a:123456",                                                 8 },
    {"a:",                                                       2 },
    {"a:x",                                                      3 },
    {"[127.0.0.1]",                                              11},
    {"close",                                                    5 },
    {"x, Close ,",                                               10},
    {"chunked",                                                  7 },
    {"0",                                                        1 },
    {"12x",                                                      3 },
    {"100-continue",                                             12},
    {"a\tb",                                                     3 },
    {"a\001b",                                                   3 },
    {"\x7f",                                                     1 },
    {"\xc3\xa4",                                                 2 },
    {"\0",                                                       1 },
    {"b\rc",                                                     3 },
    {"*/*",                                                      3 },
    {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101", 56}
};
static const struct slice blanks[] = {
    {" ",    1},
    {" ",    1},
    {" ",    1},
    {"",     0},
    {"\t",   1},
    {"  ",   2},
    {" \t ", 3}
};

#define ONE_OF(list) list[rnd(rng, ARRAY_LEN(list))]

static void add_end(struct buf *b, uint64_t *rng)
{
    buf_add_slice(b, rnd(rng, 30) > 0 ? SLICE_LIT("\r\n") : ONE_OF(ends));
}

static void add_field(struct buf *b, uint64_t *rng)
{
    size_t at = b->len;

    buf_add_str(b, ONE_OF(names));
    while (rnd(rng, 3) == 0 && b->len > at) { /* capitals, and what only looks like one */
        char *c = &b->data[at + rnd(rng, b->len - at)];

        *c = (char)(*c ^ 0x20);
    }
    buf_add_slice(b, rnd(rng, 40) > 0 ? SLICE_LIT(":") : SLICE_LIT(" "));
    buf_add_slice(b, ONE_OF(blanks));
    buf_add_slice(b, ONE_OF(values));
    if (rnd(rng, 8) == 0)
        buf_add_slice(b, ONE_OF(blanks));
    add_end(b, rng);
}

static void make_head(struct buf *b, uint64_t *rng)
{
    if (rnd(rng, 20) == 0)
        buf_add_str(b, "\r\n");
    buf_add_slice(b, ONE_OF(methods));
    buf_add_char(b, ' ');
    buf_add_slice(b, ONE_OF(targets));
    buf_add_char(b, ' ');
    buf_add_slice(b, ONE_OF(versions));
    add_end(b, rng);
    if (rnd(rng, 4) > 0)
        buf_add_str(b, "host: a\r\n");
    for (uint64_t n = rnd(rng, rnd(rng, 50) > 0 ? 6 : 80); n > 0; n--)
        add_field(b, rng);
    add_end(b, rng);
    if (rnd(rng, 4) == 0)
        buf_add_str(b, "a body:\r\n of some bytes");
    if (rnd(rng, 6) == 0)
        b->data[rnd(rng, b->len)] = (char)rnd(rng, 256);
    if (rnd(rng, 6) == 0)
        b->len = rnd(rng, b->len + 1);
}

static void check(struct slice raw, struct slice client_ip_name, size_t *accepted)
{
    struct scanned s = scan_as(raw, client_ip_name);
    struct head ref;

    ref_scan((struct slice){s.copy, raw.n}, client_ip_name, &ref);
    if (memcmp(&s.head, &ref, sizeof(ref)) != 0)
        fail_msg("refusal %d, the reference says %d: %.*s", (int)s.head.refusal, (int)ref.refusal,
                 (int)raw.n, raw.p);
    *accepted += ref.refusal == REFUSED_NOT;
    free(s.copy);
}

TEST(heads_at_random_are_read_as_the_reference_reads_them)
{
    static const struct slice client_ips[] = {
        {NULL,        0},
        {"x-real-ip", 9},
        {"origin",    6},
        {"x-9",       3},
        {"a",         1}
    };
    uint64_t seed = 0x9e3779b97f4a7c15, *rng = &seed;
    struct buf b = BUF_INIT;
    size_t accepted = 0;

    for (size_t i = 0; i < HEADS; i++) {
        b.len = 0;
        make_head(&b, rng);
        check((struct slice){b.data, b.len}, ONE_OF(client_ips), &accepted);
    }
    assert_in_range(accepted, HEADS / 50, HEADS / 2); /* both kinds were seen */
    buf_release(&b);
}

TEST(a_head_cut_anywhere_is_read_as_the_reference_reads_it)
{
    static const char whole[] = "\r\nPOST /contact?a=b%20 HTTP/1.1\r\nHost: [::1]:8000\r\nVia:x\r\n"
                                "Access-Control-Request-Method: POST \r\nAccept:\t*/*\r\n\r\n";
    size_t accepted = 0;

    for (size_t from = 0; from < sizeof(whole); from++)
        for (size_t n = 0; n < sizeof(whole) - from; n++)
            check((struct slice){whole + from, n}, SLICE_LIT("via"), &accepted);
    assert_int_equal(accepted, 2); /* with the empty line before it, and without */
}

static void check_name(const char *name, size_t at, unsigned char byte)
{
    struct buf b = BUF_INIT;
    size_t accepted = 0;

    buf_addf(&b, "GET / HTTP/1.1\r\nhost: a\r\n%s: chunked\r\n\r\n", name);
    b.data[25 + at] = (char)byte;
    check((struct slice){b.data, b.len}, SLICE_LIT("x-real-ip"), &accepted);
    buf_release(&b);
}

TEST(a_name_with_any_other_byte_is_another_name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t at = 0; at <= strlen(names[i]); at++)
            for (unsigned byte = 0; byte < 256; byte++)
                check_name(names[i], at, (unsigned char)byte);
}

TEST(no_head_at_all_is_refused)
{
    struct head h;

    memset(&h, 0xaa, sizeof(h));
    head_scan(SLICE_NONE, SLICE_NONE, &h);
    assert_int_equal(h.refusal, REFUSED_SYNTAX);
    assert_int_equal(h.method, HTTP_METHOD_UNKNOWN);
    assert_null(h.target.p);
}

RUN_TESTS(T(heads_at_random_are_read_as_the_reference_reads_them),
          T(a_head_cut_anywhere_is_read_as_the_reference_reads_it),
          T(a_name_with_any_other_byte_is_another_name),
          T(no_head_at_all_is_refused))
