/* SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"

#include "api/status_text.h"

static void expect(struct buf *b, const char *want)
{
    assert_string_equal(buf_cstr(b), want);
    buf_release(b);
}

TEST(counts_have_commas)
{
    static const struct {
        uint64_t n;
        const char *want;
    } cases[] = {
        {0,          "0"                         },
        {999,        "999"                       },
        {1000,       "1,000"                     },
        {1234567,    "1,234,567"                 },
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT;

        text_count(&b, cases[i].n);
        expect(&b, cases[i].want);
    }
}

typedef void text_fn(struct buf *b, double v);

struct text_case {
    double v;
    const char *want;
};

static void expect_all(text_fn *fn, const struct text_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf b = BUF_INIT;

        fn(&b, cases[i].v);
        expect(&b, cases[i].want);
    }
}

TEST(three_digits_say_enough)
{
    static const struct text_case cases[] = {
        {0,      "0.00"                     },
        {0.066,  "0.07"                     },
        {0.125,  "0.13"                     },
        {0.375,  "0.38"                     },
        {-8.125, "-8.13"                    },
        {12.25,  "12.3"                     },
        {12.75,  "12.8"                     },
        {9.994,  "9.99"                     },
        {9.996,  "10.0"                     },
        {12.34,  "12.3"                     },
        {99.94,  "99.9"                     },
        {99.96,  "100"                      },
        {1234.5, "1,235"                    },
        {-1176,  "-1,176"                   },
        {-0.5,   "-0.50"                    },
        {1e30,   "1,000,000,000,000,000,000"},
    };

    expect_all(text_digits, cases, ARRAY_LEN(cases));
}

TEST(durations_have_a_unit)
{
    static const struct text_case cases[] = {
        {0,        "0.00 ms"          },
        {0.000059, "0.06 ms"          },
        {0.0123,   "12.3 ms"          },
        {0.3,      "300 ms"           },
        {0.9994,   "999 ms"           },
        {0.9996,   "1.00 s"           },
        {9.99,     "9.99 s"           },
        {10,       "\xe2\x89\xa5 10 s"},
    };

    expect_all(text_seconds, cases, ARRAY_LEN(cases));
}

TEST(a_share_is_0_or_100_percent_only_when_it_is)
{
    static const struct text_case cases[] = {
        {0,        "0 %"    },
        {1e-9,     "<0.01 %"},
        {0.0125,   "1.25 %" },
        {0.125,    "12.5 %" },
        {0.9994,   "99.9 %" },
        {0.99951,  "99.9 %" },
        {0.999999, ">99.9 %"},
        {1,        "100 %"  },
        {-4.81,    "-481 %" },
    };

    expect_all(text_share, cases, ARRAY_LEN(cases));
}

TEST(ages_moments_and_bytes)
{
    static const struct {
        uint64_t seconds;
        const char *want;
    } cases[] = {
        {0,      "0 s"        },
        {59,     "59 s"       },
        {60,     "1 min"      },
        {3599,   "59 min"     },
        {3600,   "1 h 0 min"  },
        {86399,  "23 h 59 min"},
        {86400,  "1 d 0 h"    },
        {450000, "5 d 5 h"    },
    };
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        text_age(&b, cases[i].seconds);
        expect(&b, cases[i].want);
    }
    text_moment(&b, UINT64_C(1795274221207));
    expect(&b, "2026-11-21 15:17:01");
    text_bytes(&b, 9342976);
    expect(&b, "8.91 MiB");
}

RUN_TESTS(T(counts_have_commas),
          T(three_digits_say_enough),
          T(durations_have_a_unit),
          T(a_share_is_0_or_100_percent_only_when_it_is),
          T(ages_moments_and_bytes))
