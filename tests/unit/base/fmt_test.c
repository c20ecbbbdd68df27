/* SPDX-License-Identifier: MIT */
/* The formatters, against printf, gmtime_r and tables. */
#include "base/buf.h"
#include "base/utf8.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* `text` as a string, after checking that the formatter stayed within `max` bytes. */
static void check(const char *text, const char *end, size_t max, const char *expected)
{
    size_t n = (size_t)(end - text);

    assert_true(n <= max);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(text, expected, n);
}

TEST(whole_numbers_come_out_as_printf_writes_them)
{
    char got[32], want[32];
    uint64_t power = 1;

    for (unsigned i = 0; i < 20; i++, power *= 10) {
        const uint64_t values[] = {power - 1, power, power + 1, power * 9 + 5, UINT64_MAX / power};

        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            (void)snprintf(want, sizeof(want), "%" PRIu64, values[k]);
            check(got, fmt_u64(got, values[k]), FMT_U64, want);
            (void)snprintf(want, sizeof(want), "%" PRId64, (int64_t)values[k]);
            check(got, fmt_i64(got, (int64_t)values[k]), FMT_I64, want);
            (void)snprintf(want, sizeof(want), "%" PRId64, -(int64_t)(values[k] / 2));
            check(got, fmt_i64(got, -(int64_t)(values[k] / 2)), FMT_I64, want);
        }
    }
    check(got, fmt_i64(got, INT64_MIN), FMT_I64, "-9223372036854775808");
    check(got, fmt_i64(got, INT64_MAX), FMT_I64, "9223372036854775807");
}

/* A fixed row of numbers that jump about (an LCG), so that a failure comes again. */
static uint64_t jump(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 16;
}

TEST(numbers_of_every_length_agree_with_printf)
{
    uint64_t seed = 1;
    char got[32], want[32];

    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t v = i < 20000 ? i : jump(&seed) * jump(&seed) >> (i % 64);

        (void)snprintf(want, sizeof(want), "%" PRIu64, v);
        check(got, fmt_u64(got, v), FMT_U64, want);
        (void)snprintf(want, sizeof(want), "%" PRIu64 ".%03u", v / 1000000,
                       (unsigned)(v / 1000 % 1000));
        check(got, fmt_ms(got, v), sizeof(got), want);
    }
}

TEST(nanos_have_no_trailing_zeros)
{
    static const struct {
        int64_t nanos;
        const char *text;
    } cases[] = {
        {0,           "0"                    },
        {1,           "0.000000001"          },
        {-1,          "-0.000000001"         },
        {1500000000,  "1.5"                  },
        {300000000,   "0.3"                  },
        {1000000000,  "1"                    },
        {-2000000000, "-2"                   },
        {999999999,   "0.999999999"          },
        {10050000000, "10.05"                },
        {INT64_MAX,   "9223372036.854775807" },
        {INT64_MIN,   "-9223372036.854775808"},
    };
    char got[FMT_NANO];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(got, fmt_nano(got, cases[i].nanos), FMT_NANO, cases[i].text);
}

TEST(milliseconds_have_three_decimals_rounded_down)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0,          "0.000"             },
        {999,        "0.000"             },
        {1000,       "0.001"             },
        {1234567,    "1.234"             },
        {1234999,    "1.234"             },
        {60000000,   "60.000"            },
        {UINT64_MAX, "18446744073709.551"},
    };
    char got[32];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(got, fmt_ms(got, cases[i].ns), sizeof(got), cases[i].text);
}

TEST(stamps_are_rfc_3339)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {0,                         "1970-01-01T00:00:00.000Z"},
        {UINT64_C(951782400000),    "2000-02-29T00:00:00.000Z"},
        {UINT64_C(951868799999),    "2000-02-29T23:59:59.999Z"},
        {UINT64_C(951868800000),    "2000-03-01T00:00:00.000Z"},
        {UINT64_C(1709210096789),   "2024-02-29T12:34:56.789Z"},
        {UINT64_C(4107542400000),   "2100-03-01T00:00:00.000Z"},
        {UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {UINT64_C(253402300800000), "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX,                "9999-12-31T23:59:59.999Z"},
    };
    char got[FMT_TS];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(got, fmt_ts(got, cases[i].ms), FMT_TS, cases[i].text);
}

TEST(dates_agree_with_the_c_library_over_8000_years)
{
    const uint64_t last = UINT64_C(253402300799999), step = UINT64_C(86400000) * 11 + 12345678;
    char got[FMT_TS], want[64];

    for (uint64_t ms = 0; ms <= last; ms += step) {
        time_t s = (time_t)(ms / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&s, &tm));
        (void)snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                       (unsigned)(ms % 1000));
        check(got, fmt_ts(got, ms), FMT_TS, want);
    }
}

TEST(a_kept_second_never_shows)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     999,
                                     1000,
                                     UINT64_MAX,
                                     UINT64_MAX - 999,
                                     UINT64_C(253402300799999),
                                     UINT64_C(253402300800000),
                                     UINT64_C(253402300799000),
                                     0};
    struct fmt_memo memo = {0}, fresh;
    uint64_t seed = 7, ms = UINT64_C(1700000000000);
    char got[FMT_TS], want[FMT_TS];

    for (unsigned i = 0; i < 100000; i++) {
        ms = i % 100 == 99 ? jump(&seed) : ms + jump(&seed) % 700 - 200; /* it steps back, too */
        if (i < ARRAY_LEN(edges))
            ms = edges[i];
        fresh = (struct fmt_memo){0};
        (void)fmt_ts(want, ms);
        assert_ptr_equal(fmt_ts_memo(got, ms, &memo), got + FMT_TS);
        assert_memory_equal(got, want, FMT_TS);
        assert_ptr_equal(fmt_ts_memo(got, ms, &fresh), got + FMT_TS);
        assert_memory_equal(got, want, FMT_TS);
    }
}

TEST(slices_are_copied)
{
    char got[8];

    check(got, fmt_slice(got, SLICE_LIT("abc")), 3, "abc");
    check(got, fmt_slice(got, SLICE_NONE), 0, "");
}

TEST(json_text_is_escaped)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"",                             ""                                    },
        {"plain text, 100%/~",           "plain text, 100%/~"                  },
        {"say \"hi\" \\ done",           "say \\\"hi\\\" \\\\ done"            },
        {"\n\r\t\b\f",                   "\\n\\r\\t\\b\\f"                     },
        {"\x01\x1b[31m\x1f",             "\\u0001\\u001b[31m\\u001f"           },
        {"\x7f",                         "\\u007f"                             },
        {"gr\xc3\xbc\xc3\x9f",           "gr\xc3\xbc\xc3\x9f"                  },
        {"\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80"        },
        {"\xc2\x80\xc2\x9b\xc2\xa0",     "\\u0080\\u009b\xc2\xa0"              },
        {"a\xff"
         "b",                   "a\xef\xbf\xbd"
         "b"                                             },
        {"\xc0\xaf",                     "\xef\xbf\xbd\xef\xbf\xbd"            },
        {"\xed\xa0\x80",                 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"cut \xe2\x82",                 "cut \xef\xbf\xbd\xef\xbf\xbd"        },
    };
    char got[256];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t max = FMT_JSON_BYTE * strlen(cases[i].in);

        check(got, fmt_json(got, slice_str(cases[i].in)), max, cases[i].out);
    }
    check(got, fmt_json(got, SLICE_NONE), 0, "");
    check(got, fmt_json(got, SLICE_LIT("a\0b")), sizeof(got), "a\\u0000b");
}

/* The words of eight bytes must find every byte wherever it stands. */
TEST(each_byte_is_escaped_alike_at_each_place)
{
    char in[24], alone[8], got[24 * FMT_JSON_BYTE], want[24 * FMT_JSON_BYTE];

    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < sizeof(in); at++) {
            memset(in, c == 'x' ? 'y' : 'x', sizeof(in));
            in[at] = (char)c;
            memset(want, in[(at + 1) % sizeof(in)], sizeof(want));
            size_t n = (size_t)(fmt_json(alone, (struct slice){in + at, 1}) - alone);
            memcpy(want + at, alone, n);
            char *end = fmt_json(got, (struct slice){in, sizeof(in)});
            assert_int_equal(end - got, sizeof(in) - 1 + n);
            assert_memory_equal(got, want, sizeof(in) - 1 + n);
        }
    }
}

/* What fmt_json does, a byte or a character at a time. */
static size_t json_plainly(char *dst, struct slice s)
{
    char *start = dst;

    while (s.n > 0) {
        size_t n = utf8_sequence(s);
        struct slice one = {s.p, n > 0 ? n : 1};

        if (n == 1 && s.p[0] >= ' ' && s.p[0] < 0x7f && s.p[0] != '"' && s.p[0] != '\\')
            *dst++ = s.p[0];
        else
            dst = fmt_json(dst, one); /* json_text_is_escaped says how */
        s.p += one.n;
        s.n -= one.n;
    }
    return (size_t)(dst - start);
}

/* Texts and their outputs stand alone on the heap, so that ASan sees a byte too many. */
TEST(json_text_of_every_length_and_mix_comes_out_as_it_does_byte_by_byte)
{
    static const char few[] = "\"\\\x7f\x1f !#\xc3\xbc\xe2\x82\xac\xff\x80[]";
    uint64_t seed = 3;

    for (unsigned i = 0; i < 60000; i++) {
        size_t n = i % 70;
        char want[70 * FMT_JSON_BYTE], *in = must_calloc(1, n), *got;

        for (size_t k = 0; k < n; k++) {
            unsigned how = (unsigned)(jump(&seed) % 64);
            in[k] = (char)(how >= i / 1000 ? 'a' + (int)(how % 26) : few[how % (sizeof(few) - 1)]);
        }
        size_t len = json_plainly(want, (struct slice){in, n});
        got = must_calloc(1, len);
        assert_int_equal(fmt_json(got, (struct slice){in, n}) - got, len);
        assert_memory_equal(got, want, len);
        free(got);
        free(in);
    }
}

TEST(cut_json_text_fits_and_says_that_it_was_cut)
{
    static const char *const units[] = {"a",    "\"",  "\x01", "\xc3\xbc", "\xf0\x9f\x98\x80",
                                        "\x80", "\xe2"};
    char in[4000], *got;

    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        size_t len = strlen(units[u]), n = sizeof(in) / len * len;

        for (size_t i = 0; i < n; i++)
            in[i] = units[u][i % len];
        for (size_t room = 3; room < 500; room++) {
            got = must_calloc(1, room); /* alone on the heap, so that ASan sees an overflow */
            struct slice out = {got,
                                (size_t)(fmt_json_cut(got, room, (struct slice){in, n}) - got)};
            assert_in_range(out.n, 3, room);
            assert_true(out.n + 30 > room);
            assert_memory_equal(got + out.n - 3, "...", 3);
            assert_true(utf8_valid(out));
            if ((unsigned char)units[u][0] > 0xc0 && len > 1) /* no character was torn */
                assert_null(memmem(got, out.n, "\xef\xbf\xbd", 3));
            free(got);
        }
    }
}

TEST(json_text_that_fits_is_not_cut)
{
    char got[64];

    check(got, fmt_json_cut(got, sizeof(got), SLICE_LIT("a\"b")), sizeof(got), "a\\\"b");
    check(got, fmt_json_cut(got, 3, SLICE_NONE), 3, "");
}

RUN_TESTS(T(whole_numbers_come_out_as_printf_writes_them),
          T(numbers_of_every_length_agree_with_printf),
          T(nanos_have_no_trailing_zeros),
          T(milliseconds_have_three_decimals_rounded_down),
          T(stamps_are_rfc_3339),
          T(dates_agree_with_the_c_library_over_8000_years),
          T(a_kept_second_never_shows),
          T(slices_are_copied),
          T(json_text_is_escaped),
          T(each_byte_is_escaped_alike_at_each_place),
          T(json_text_of_every_length_and_mix_comes_out_as_it_does_byte_by_byte),
          T(cut_json_text_fits_and_says_that_it_was_cut),
          T(json_text_that_fits_is_not_cut))
