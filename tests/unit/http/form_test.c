/* SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "http/form.h"

/* Parses memory of exactly the body's size, so that AddressSanitizer sees a read beyond the end. */
static enum form_verdict parse(struct slice body, struct form *ret, const char **message)
{
    char *copy = test_malloc(body.n > 0 ? body.n : 1);
    enum form_verdict v;

    if (body.n > 0)
        memcpy(copy, body.p, body.n);
    v = form_parse((struct slice){copy, body.n}, ret, message);
    test_free(copy); /* the form holds none of it */
    return v;
}

static void check_failure(struct slice body, enum form_verdict expected)
{
    struct form f = {.n = 77};
    const char *message = NULL;

    assert_int_equal(parse(body, &f, &message), expected);
    assert_int_equal(f.n, 77);
    assert_non_null(message);
}

TEST(fields_are_decoded)
{
    const struct {
        struct slice body;
        const char *name;
        struct slice value;
    } cases[] = {
        {SLICE_LIT("a=b"),                 "a",   SLICE_LIT("b")                },
        {SLICE_LIT("a=b&c=d"),             "c",   SLICE_LIT("d")                },
        {SLICE_LIT("a="),                  "a",   SLICE_LIT("")                 },
        {SLICE_LIT("a"),                   "a",   SLICE_LIT("")                 },
        {SLICE_LIT("=b"),                  "",    SLICE_LIT("b")                },
        {SLICE_LIT("&&a=b&"),              "a",   SLICE_LIT("b")                },
        {SLICE_LIT("a=b=c&d=e"),           "a",   SLICE_LIT("b=c")              },
        {SLICE_LIT("a=b+c%2Bd"),           "a",   SLICE_LIT("b c+d")            },
        {SLICE_LIT("%61%5B%5d=%26%3D%25"), "a[]", SLICE_LIT("&=%")              },
        {SLICE_LIT("a=%C3%a9+\xc3\xa9"),   "a",   SLICE_LIT("\xc3\xa9 \xc3\xa9")},
        {SLICE_LIT("a=1%0D%0A2"),          "a",   SLICE_LIT("1\r\n2")           },
        {SLICE_LIT("a+b=c"),               "a b", SLICE_LIT("c")                },
        {SLICE_LIT("a;b=c"),               "a;b", SLICE_LIT("c")                },
        {SLICE_LIT("A=1&a=2"),             "a",   SLICE_LIT("2")                },
        {SLICE_LIT("a=b"),                 "x",   {NULL, 0}                     },
        {SLICE_LIT(""),                    "a",   {NULL, 0}                     },
        {SLICE_LIT("&"),                   "",    {NULL, 0}                     },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct form f = FORM_INIT;
        const char *message = NULL;
        struct slice value;

        assert_int_equal(parse(cases[i].body, &f, &message), FORM_OK);
        assert_null(message);
        value = form_get(&f, cases[i].name);
        assert_int_equal(value.p == NULL, cases[i].value.p == NULL);
        assert_true(slice_eq(value, cases[i].value));
        form_release(&f);
        form_release(&f);
    }
}

TEST(bad_escapes_and_bad_utf8_are_malformed)
{
    const struct slice cases[] = {
        SLICE_LIT("a=%"),         SLICE_LIT("a=%2"),     SLICE_LIT("a=%zz"),
        SLICE_LIT("a=%2g"),       SLICE_LIT("%=a"),      SLICE_LIT("a=%%20"),
        SLICE_LIT("a=% 20"),      SLICE_LIT("a=%+1"),    SLICE_LIT("a=%u0041"),
        SLICE_LIT("a=%2&b=0"),    SLICE_LIT("a=%C3"),    SLICE_LIT("a=\xff"),
        SLICE_LIT("%ff=a"),       SLICE_LIT("a=%C0%AF"), SLICE_LIT("a=%ED%A0%80"),
        SLICE_LIT("a=%C3&b=%A9"), SLICE_LIT("a%C3=%A9"), SLICE_LIT("a=%00&b=%x"),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_failure(cases[i], FORM_MALFORMED);
}

TEST(twins_are_found_by_their_decoded_names)
{
    check_failure(SLICE_LIT("a=1&a=1"), FORM_DUPLICATE);
    check_failure(SLICE_LIT("a=1&b=2&%61=3"), FORM_DUPLICATE);
    check_failure(SLICE_LIT("=1&=2"), FORM_DUPLICATE);
    check_failure(SLICE_LIT("a&a"), FORM_DUPLICATE);
    check_failure(SLICE_LIT("a+b=1&a%20b=2"), FORM_DUPLICATE);
}

TEST(nul_is_refused_raw_and_escaped)
{
    check_failure(SLICE_LIT("a=%00"), FORM_NUL);
    check_failure(SLICE_LIT("a%00=b"), FORM_NUL);
    check_failure(SLICE_LIT("a=b\0c"), FORM_NUL);
    check_failure(SLICE_LIT("a=%00&a=%00"), FORM_NUL);
}

TEST(sixty_four_fields_are_enough)
{
    struct buf b = BUF_INIT;
    struct form f = FORM_INIT;
    const char *message = NULL;

    for (size_t i = 0; i < FORM_FIELDS_MAX; i++)
        buf_addf(&b, "f%zu=%zu&&", i, i);
    assert_int_equal(parse((struct slice){b.data, b.len}, &f, &message), FORM_OK);
    assert_int_equal(f.n, FORM_FIELDS_MAX);
    assert_true(slice_eq(form_get(&f, "f63"), SLICE_LIT("63")));
    form_release(&f);
    buf_add_str(&b, "x");
    check_failure((struct slice){b.data, b.len}, FORM_MALFORMED);
    buf_release(&b);
}

TEST(decoding_may_yield_any_bytes_and_fails_without_a_trace)
{
    struct slice ret = SLICE_LIT("kept");
    char dst[8];

    assert_true(form_decode(SLICE_LIT("%00%ff+x"), dst, &ret));
    assert_int_equal(ret.n, 4);
    assert_memory_equal(ret.p, "\0\xff x", 4);
    ret = SLICE_LIT("kept");
    assert_false(form_decode(SLICE_LIT("ab%4"), dst, &ret));
    assert_true(slice_eq(ret, SLICE_LIT("kept")));
    assert_true(form_decode(SLICE_NONE, dst, &ret));
    assert_int_equal(ret.n, 0);
}

TEST(media_types_are_compared_without_case_and_parameters)
{
    static const struct {
        const char *value;
        bool is_json, is_utf8;
    } cases[] = {
        {"application/json",                            true,  true },
        {"Application/JSON",                            true,  true },
        {" application/json ; x=y",                     true,  true },
        {"application/json;charset=utf-8",              true,  true },
        {"application/json; charset=UTF-8",             true,  true },
        {"application/json; Charset=\"Utf-8\"",         true,  true },
        {"application/json; x=\";charset=latin1\"",     true,  true },
        {"application/json; x=\"\\\";charset=latin1\"", true,  true },
        {"application/json;",                           true,  true },
        {"application/json;;",                          true,  true },
        {"application/json; charset=utf-16",            true,  false},
        {"application/json; charset=\"latin1\"",        true,  false},
        {"application/json; charset=",                  true,  false},
        {"application/json; charset",                   true,  false},
        {"application/json; charset=\"utf-8",           true,  false},
        {"application/json; charset=utf-8; charset=x",  true,  false},
        {"application/json; a=b; charset=iso-8859-1",   true,  false},
        {"application/jsonp",                           false, true },
        {"application/json, text/plain",                false, true },
        {"application/problem+json",                    false, true },
        {"text/plain",                                  false, true },
        {"",                                            false, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice value = slice_str(cases[i].value);

        if (media_type_utf8(value) != cases[i].is_utf8)
            print_error("%s\n", cases[i].value);
        assert_int_equal(media_type_is(value, "application/json"), cases[i].is_json);
        assert_int_equal(media_type_utf8(value), cases[i].is_utf8);
    }
    assert_false(media_type_is(SLICE_NONE, "application/json"));
    assert_true(media_type_utf8(SLICE_NONE));
}

TEST(a_body_is_plain_without_a_coding_or_with_identity_once)
{
    static const struct {
        struct slice coding;
        uint8_t count;
        bool plain;
    } cases[] = {
        {{NULL, 0},              0, true },
        {{"", 0},                1, true },
        {{" ", 1},               1, true },
        {{"identity", 8},        1, true },
        {{" Identity ", 10},     1, true },
        {{"identity", 8},        2, false},
        {{"", 0},                2, false},
        {{"gzip", 4},            1, false},
        {{"identity, gzip", 14}, 1, false},
        {{"identit", 7},         1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct head h = {.content_encoding = cases[i].coding,
                               .encoding_count = cases[i].count};

        if (body_is_plain(&h) != cases[i].plain)
            fail_msg("case %zu", i);
    }
}

RUN_TESTS(T(a_body_is_plain_without_a_coding_or_with_identity_once),
          T(fields_are_decoded),
          T(bad_escapes_and_bad_utf8_are_malformed),
          T(twins_are_found_by_their_decoded_names),
          T(nul_is_refused_raw_and_escaped),
          T(sixty_four_fields_are_enough),
          T(decoding_may_yield_any_bytes_and_fails_without_a_trace),
          T(media_types_are_compared_without_case_and_parameters))
