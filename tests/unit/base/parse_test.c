/* SPDX-License-Identifier: MIT */
/* Strict parsing: tables of what is taken and what is refused. */
#include "base/clock.h"
#include "base/parse.h"
#include "tests/unit/unit.h"

struct good {
    const char *text;
    uint64_t value;
};

typedef bool number_parser(struct slice s, uint64_t *ret, struct err *err);

static void takes(number_parser *parse, const struct good *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = ERR_INIT;
        uint64_t got = 12345;

        if (!parse(slice_str(cases[i].text), &got, &err))
            fail_msg("'%s' was refused: %s", cases[i].text, err.text);
        assert_int_equal(got, cases[i].value);
        assert_int_equal(err.kind, ERR_NONE);
    }
}

static void refuses(number_parser *parse, const char *const *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = ERR_INIT;
        uint64_t got = 12345;

        if (parse(slice_str(cases[i]), &got, &err))
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(got, 12345);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_true(err.text[0] != '\0');
        assert_false(parse(slice_str(cases[i]), &got, NULL));
    }
    struct err err = ERR_INIT;
    uint64_t got = 12345;
    assert_false(parse(SLICE_NONE, &got, &err));
    assert_false(parse(SLICE_LIT("1\0"), &got, &err));
    assert_int_equal(got, 12345);
}

static bool any_u64(struct slice s, uint64_t *ret, struct err *err)
{
    return parse_u64(s, 0, UINT64_MAX, ret, err);
}

TEST(whole_numbers)
{
    static const struct good good[] = {
        {"0",                    0         },
        {"7",                    7         },
        {"1024",                 1024      },
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "01",
                                      "00",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "a",
                                      "1a",
                                      "\xd9\xa1",
                                      "18446744073709551616",
                                      "99999999999999999999999999"};

    takes(any_u64, good, ARRAY_LEN(good));
    refuses(any_u64, bad, ARRAY_LEN(bad));
}

TEST(whole_numbers_keep_to_their_range_and_the_message_names_it)
{
    struct err err = ERR_INIT;
    uint64_t got = 0;

    assert_true(parse_u64(SLICE_LIT("1"), 1, 10, &got, &err) && got == 1);
    assert_true(parse_u64(SLICE_LIT("10"), 1, 10, &got, &err) && got == 10);
    assert_false(parse_u64(SLICE_LIT("0"), 1, 10, &got, &err));
    assert_false(parse_u64(SLICE_LIT("11"), 1, 10, &got, &err));
    assert_int_equal(got, 10);
    assert_string_equal(err.text, "must be a whole number from 1 to 10");
}

TEST(booleans)
{
    static const char *const bad[] = {"", "True", "yes", "1", "true ", "on"};
    struct err err = ERR_INIT;
    bool got = false;

    assert_true(parse_bool(SLICE_LIT("true"), &got, &err));
    assert_true(got);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(parse_bool(slice_str(bad[i]), &got, &err));
    assert_true(got);
    assert_string_equal(err.text, "must be true or false");
    assert_true(parse_bool(SLICE_LIT("false"), &got, &err));
    assert_false(got);
}

TEST(ratios)
{
    static const struct good good[] = {
        {"0",           0         },
        {"0.0",         0         },
        {"1",           1000000000},
        {"1.000",       1000000000},
        {"0.999",       999000000 },
        {"0.5",         500000000 },
        {"0.000000001", 1         },
    };
    static const char *const bad[] = {
        "",     ".5", "1.",   "0.",   "1.1",          "2",           "-0.5",  "0,5",
        "00.5", "5%", "1e-3", "0.5 ", "0.0000000001", "1.000000001", "0.5.5", "nan"};

    takes(parse_ratio, good, ARRAY_LEN(good));
    refuses(parse_ratio, bad, ARRAY_LEN(bad));
}

TEST(durations)
{
    static const struct good good[] = {
        {"0",            0                                  },
        {"0s",           0                                  },
        {"300ms",        300 * NS_PER_MS                    },
        {"0.3s",         300 * NS_PER_MS                    },
        {"0.25ms",       250000                             },
        {"0.000001ms",   1                                  },
        {"1.000000001s", NS_PER_SEC + 1                     },
        {"2m",           120 * NS_PER_SEC                   },
        {"1.5h",         5400 * NS_PER_SEC                  },
        {"24h",          86400 * NS_PER_SEC                 },
        {"7d",           UINT64_C(7) * 86400 * NS_PER_SEC   },
        {"0.999999999d", 86399999913600                     },
        {"3650d",        UINT64_C(3650) * 86400 * NS_PER_SEC},
        {"87600h",       UINT64_C(3650) * 86400 * NS_PER_SEC},
        {"315360000s",   UINT64_C(3650) * 86400 * NS_PER_SEC},
    };
    static const char *const bad[] = {"",
                                      "5",
                                      "0.0",
                                      "-1s",
                                      "+1s",
                                      "1 s",
                                      " 1s",
                                      "1s ",
                                      "1S",
                                      "1sec",
                                      "1us",
                                      "1w",
                                      "s",
                                      ".5s",
                                      "1.s",
                                      "01s",
                                      "1m30s",
                                      "3651d",
                                      "3650.000000001d",
                                      "315360000.000000001s",
                                      "0.0000001ms",
                                      "0.0000000001s",
                                      "18446744073709551616s",
                                      "99999999999999999999999d",
                                      "1e3s"};

    takes(parse_duration, good, ARRAY_LEN(good));
    refuses(parse_duration, bad, ARRAY_LEN(bad));
}

TEST(sizes)
{
    static const struct good good[] = {
        {"0",             0                },
        {"512",           512              },
        {"512B",          512              },
        {"128KiB",        131072           },
        {"1MiB",          1048576          },
        {"2GiB",          UINT64_C(2) << 30},
        {"1TiB",          UINT64_C(1) << 40},
        {"1024GiB",       UINT64_C(1) << 40},
        {"1099511627776", UINT64_C(1) << 40},
    };
    static const char *const bad[] = {
        "",       "KiB",  "1KB",           "1K",          "1kib",
        "1.5MiB", "-1",   "1 KiB",         "2TiB",        "1025GiB",
        "01KiB",  "0x1B", "1099511627777", "16777216TiB", "18446744073709551615KiB"};

    takes(parse_size, good, ARRAY_LEN(good));
    refuses(parse_size, bad, ARRAY_LEN(bad));
}

TEST(rates)
{
    static const struct {
        const char *text;
        struct rate rate;
    } good[] = {
        {"off",       {0, 0}                  },
        {"10/m",      {10, 60 * NS_PER_SEC}   },
        {"2/s",       {2, NS_PER_SEC}         },
        {"100/h",     {100, 3600 * NS_PER_SEC}},
        {"1000000/s", {1000000, NS_PER_SEC}   },
    };
    static const char *const bad[] = {"",     "0/m",    "10",        "10/",   "/m",
                                      "10/d", "10/min", "-1/s",      "1.5/s", "10 / m",
                                      "Off",  "01/s",   "1000001/s", "10/m "};
    struct err err = ERR_INIT;
    struct rate got;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(parse_rate(slice_str(good[i].text), &got, &err));
        assert_int_equal(got.count, good[i].rate.count);
        assert_int_equal(got.per_ns, good[i].rate.per_ns);
    }
    got = (struct rate){77, 88};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse_rate(slice_str(bad[i]), &got, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_true(got.count == 77 && got.per_ns == 88);
    }
    assert_int_equal(err.kind, ERR_INVALID);
}

RUN_TESTS(T(whole_numbers),
          T(whole_numbers_keep_to_their_range_and_the_message_names_it),
          T(booleans),
          T(ratios),
          T(durations),
          T(sizes),
          T(rates))
