/* SPDX-License-Identifier: MIT */
/* UUIDs, correlation IDs and traceparent. */
#include "base/id.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void check_form(const char id[ID_LEN], const char *prefix)
{
    for (size_t i = 0; i < ID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(id[i], '-');
        else
            assert_non_null(memchr("0123456789abcdef", id[i], 16));
    }
    assert_memory_equal(id, prefix, strlen(prefix));
    assert_int_equal(id[14], '7');
    assert_non_null(memchr("89ab", id[19], 4));
}

TEST(an_id_is_a_version_7_uuid_of_its_millisecond)
{
    struct id_source src;
    char id[ID_LEN];

    id_source_init(&src);
    id_make(&src, UINT64_C(0x017f22e279b0), id); /* the stamp of RFC 9562, A.6 */
    check_form(id, "017f22e2-79b0-7");
    id_make(&src, UINT64_C(0x0fedcba98765), id);
    check_form(id, "0fedcba9-8765-7");
}

TEST(ids_rise_within_a_millisecond_beyond_it_and_when_the_clock_steps_back)
{
    struct id_source src;
    char last[ID_LEN] = {0}, id[ID_LEN];
    uint64_t ms = UINT64_C(1700000000000);

    id_source_init(&src);
    for (unsigned i = 0; i < 50000; i++) {
        if (i == 20000)
            ms += 3;
        if (i == 30000)
            ms -= 3600000;
        id_make(&src, ms, id);
        assert_true(memcmp(last, id, ID_LEN) < 0);
        check_form(id, "");
        memcpy(last, id, ID_LEN);
    }
    assert_true(src.last_ms < UINT64_C(1700000000000) + 100); /* it lends little from the future */
}

TEST(an_id_holds_its_time_and_its_place_in_it)
{
    struct id_source src;
    char id[ID_LEN], want[32];
    uint64_t ms = 0;

    id_source_init(&src);
    for (unsigned i = 0; i < 100000; i++) {
        ms += i % 3 == 0 ? (uint64_t)i * i % 200000 : 0; /* within 65,536 ms, and beyond */
        bool later = ms > src.last_ms;
        id_make(&src, ms, id);
        assert_true(src.last_ms >= ms && src.last_ms <= ms + 1);
        assert_true(!later || src.seq < 2048); /* room to count up */
        (void)snprintf(want, sizeof(want), "%08x-%04x-7%03x-", (unsigned)(src.last_ms >> 16),
                       (unsigned)(src.last_ms & 0xffff), src.seq);
        check_form(id, want);
    }
}

/* The bits behind the digits from 19 on. */
static uint64_t bits_of(const char id[ID_LEN])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t v = 0;

    for (size_t at = 19; at < ID_LEN; at++)
        if (id[at] != '-')
            v = v << 4 | (uint64_t)(strchr(digits, id[at]) - digits);
    return v;
}

/* Each of the 62 bits is as often 1 as 0, and as often like each other one as not. */
TEST(the_random_bits_are_even_and_have_nothing_to_do_with_each_other)
{
    enum { N = 8000, BITS = 62 };
    unsigned ones[BITS] = {0}, differ[BITS][BITS] = {{0}};
    struct id_source src;
    char id[ID_LEN];

    id_source_init(&src);
    for (unsigned i = 0; i < 4; i++)
        src.rng[i] = UINT64_C(0x9e3779b97f4a7c15) * (i + 1); /* the same IDs each time */
    for (unsigned i = 0; i < N; i++) {
        id_make(&src, 1, id);
        uint64_t v = bits_of(id);
        assert_int_equal(v >> BITS, 2); /* the variant */
        for (unsigned a = 0; a < BITS; a++) {
            ones[a] += v >> a & 1;
            for (unsigned b = 0; b < a; b++)
                differ[a][b] += (v >> a ^ v >> b) & 1;
        }
    }
    for (unsigned a = 0; a < BITS; a++) {
        assert_in_range(ones[a], N * 9 / 20, N * 11 / 20);
        for (unsigned b = 0; b < a; b++)
            assert_in_range(differ[a][b], N * 9 / 20, N * 11 / 20);
    }
}

TEST(two_sources_make_different_ids)
{
    struct id_source a, b;
    char id_a[ID_LEN], id_b[ID_LEN];

    id_source_init(&a);
    id_source_init(&b);
    id_make(&a, 1, id_a);
    id_make(&b, 1, id_b);
    assert_memory_not_equal(id_a + 19, id_b + 19, 17);
}

TEST(an_id_is_read_in_either_case_and_nothing_else_is_one)
{
    static const char *const good[] = {
        "01234567-89ab-7cde-8f01-23456789abcd",
        "01234567-89AB-7CDE-8F01-23456789ABCD",
        "01234567-89aB-7cDe-8f01-23456789abCD",
    };
    static const char *const bad[] = {
        "",
        "-",
        "01234567-89ab-7cde-8f01-23456789abc",
        "01234567-89ab-7cde-8f01-23456789abcde",
        "01234567-89ab-7cde-8f01-23456789abcg",
        "01234567-89ab-7cde-8f01-23456789abc ",
        "01234567 89ab-7cde-8f01-23456789abcd",
        "0123456789ab-7cde-8f01--23456789abcd",
        "01234567-89ab-7cde-8f01-23456789abc\xe4",
        "{1234567-89ab-7cde-8f01-23456789abc}",
        "01234567\r89ab\r7cde\r8f01\r23456789abcd",
        "[1234567-89ab-7cde-8f01-23456789abcd",
    };
    char id[ID_LEN + 1] = "untouched";

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (id_parse(slice_str(bad[i]), id))
            fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(id, "untouched");
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(id_parse(slice_str(good[i]), id));
        assert_string_equal(id, good[0]);
    }
}

TEST(a_made_id_is_a_valid_correlation_id)
{
    struct id_source src;
    char id[ID_LEN];

    id_source_init(&src);
    id_make(&src, 1, id);
    assert_true(correlation_id_valid((struct slice){id, ID_LEN}));
}

static void check_byte_at_each_place(char c, size_t n, bool good)
{
    char id[CORRELATION_ID_MAX];

    for (size_t at = 0; at < n; at++) {
        memset(id, 'a', n);
        id[at] = c;
        assert_int_equal(correlation_id_valid((struct slice){id, n}), good);
    }
}

TEST(correlation_ids_are_letters_digits_and_three_marks)
{
    const char *others = "._-";

    for (unsigned c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'z'};
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    (c != 0 && strchr(others, (int)c) != NULL);

        assert_int_equal(correlation_id_valid((struct slice){text, 3}), good);
        assert_int_equal(correlation_id_valid((struct slice){text + 1, 1}), good);
        for (size_t n = 1; n <= CORRELATION_ID_MAX; n += 7)
            check_byte_at_each_place((char)c, n, good);
    }
}

TEST(correlation_ids_have_1_to_64_characters)
{
    char text[65];

    memset(text, 'a', sizeof(text));
    assert_false(correlation_id_valid(SLICE_NONE));
    assert_false(correlation_id_valid((struct slice){text, 0}));
    assert_true(correlation_id_valid((struct slice){text, 1}));
    assert_true(correlation_id_valid((struct slice){text, 64}));
    assert_false(correlation_id_valid((struct slice){text, 65}));
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

TEST(a_valid_traceparent_gives_its_trace_id)
{
    static const char *const good[] = {
        "00-" TRACE "-00f067aa0ba902b7-01",
        "00-" TRACE "-00f067aa0ba902b7-ff",
        "01-" TRACE "-00f067aa0ba902b7-00",
        "cc-" TRACE "-00f067aa0ba902b7-00-what the future brings",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct slice got = SLICE_NONE;

        assert_true(traceparent_trace_id(slice_str(good[i]), &got));
        assert_true(slice_eq(got, SLICE_LIT(TRACE)));
    }
}

TEST(an_invalid_traceparent_gives_nothing)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-00f067aa0ba902b7-0",
        "00-" TRACE "-00f067aa0ba902b7-01-",
        "00-" TRACE "-00f067aa0ba902b7-011",
        "01-" TRACE "-00f067aa0ba902b7-011",
        "ff-" TRACE "-00f067aa0ba902b7-01",
        "0G-" TRACE "-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-00f067aa0ba902bx-01",
        "00-" TRACE "-00f067aa0ba902b7-0x",
        "00_" TRACE "-00f067aa0ba902b7-01",
        "00-" TRACE "_00f067aa0ba902b7-01",
        "00-" TRACE "-00f067aa0ba902b7_01",
        " 00-" TRACE "-00f067aa0ba902b7-01",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct slice got = SLICE_NONE;

        if (traceparent_trace_id(slice_str(bad[i]), &got))
            fail_msg("'%s' was taken", bad[i]);
        assert_null(got.p);
    }
}

RUN_TESTS(T(an_id_is_a_version_7_uuid_of_its_millisecond),
          T(ids_rise_within_a_millisecond_beyond_it_and_when_the_clock_steps_back),
          T(an_id_holds_its_time_and_its_place_in_it),
          T(the_random_bits_are_even_and_have_nothing_to_do_with_each_other),
          T(two_sources_make_different_ids),
          T(an_id_is_read_in_either_case_and_nothing_else_is_one),
          T(a_made_id_is_a_valid_correlation_id),
          T(correlation_ids_are_letters_digits_and_three_marks),
          T(correlation_ids_have_1_to_64_characters),
          T(a_valid_traceparent_gives_its_trace_id),
          T(an_invalid_traceparent_gives_nothing))
