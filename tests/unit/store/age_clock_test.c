/* SPDX-License-Identifier: MIT */
/* The time by which ages are judged: what it makes of steps, pauses and restarts. */
#include "store/age_clock.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEARS (INT64_C(3652) * DAY) /* ten */
#define NOW INT64_C(1800000000000)

/* A moment on the monotonic clock, and how far the wall clock is off then. All times in ms. */
struct moment {
    int64_t at, off;
    int64_t behind; /* the wall clock, expected */
    bool said;      /* that it begins to disbelieve */
};

static uint64_t mono(int64_t at)
{
    return (uint64_t)(7 * HOUR + 50 * MINUTE + at) * NS_PER_MS;
}

static void check(struct age_clock *c, const struct moment *m, const char *what)
{
    uint64_t behind = 99, wall = (uint64_t)(NOW + m->at + m->off);
    uint64_t age = age_clock_ms(c, wall, mono(m->at), &behind);

    if (age != wall - (uint64_t)m->behind || behind != (m->said ? (uint64_t)m->behind : 0))
        fail_msg("%s, after %lld ms: %lld behind, said %llu", what, (long long)m->at,
                 (long long)(wall - age), (unsigned long long)behind);
}

enum { MOMENTS = 8 };

TEST(a_step_forward_counts_a_day_later_and_a_step_back_at_once)
{
    static const struct {
        const char *what;
        struct moment moments[MOMENTS]; /* ends with the first at 0 but the first */
    } cases[] = {
        {"no step",
         {{0, 0, 0, false}, {HOUR, 0, 0, false}, {2 * DAY, 0, 0, false}, {400 * DAY, 0, 0, false}}},
        {"an hour",
         {{0, 0, 0, false},
          {1, HOUR, HOUR, true},
          {2, HOUR, HOUR, false},
          {DAY, HOUR, HOUR, false},
          {DAY + HOUR, HOUR, 0, false}}                                                           },
        {"ten years",
         {{0, 0, 0, false},
          {HOUR, YEARS, YEARS, true},
          {DAY, YEARS, YEARS, false},
          {DAY + HOUR, YEARS, YEARS, false},
          {DAY + 2 * HOUR, YEARS, 0, false}}                                                      },
        {"ten years, set right",
         {{0, 0, 0, false}, {1, YEARS, YEARS, true}, {2, 0, 0, false}, {2 * DAY, 0, 0, false}}    },
        {"twice",
         {{0, 0, 0, false},
          {1, 2 * HOUR, 2 * HOUR, true},
          {20 * HOUR, YEARS, YEARS, false},
          {DAY + HOUR, YEARS, YEARS - 2 * HOUR, false},
          {DAY + 21 * HOUR, YEARS, 0, false}}                                                     },
        {"twice, again right between",
         {{0, 0, 0, false}, {1, YEARS, YEARS, true}, {2, 0, 0, false}, {3, YEARS, YEARS, true}}   },
        {"back",
         {{0, 0, 0, false},
          {1, -YEARS, 0, false},
          {2, -YEARS, 0, false},
          {3 * DAY, -YEARS, 0, false}}                                                            },
        {"back and right again",
         {{0, 0, 0, false},
          {1, -YEARS, 0, false},
          {2, 0, YEARS, true},
          {DAY, 0, YEARS, false},
          {DAY + HOUR, 0, 0, false}}                                                              },
        {"a little, not worth a word",
         {{0, 0, 0, false},
          {1, MINUTE, MINUTE, false},
          {2, MINUTE, MINUTE, false},
          {DAY + HOUR, MINUTE, 0, false}}                                                         },
        {"seen only after days in which nobody asked",
         {{0, 0, 0, false}, {9 * DAY, YEARS, YEARS, true}, {10 * DAY + HOUR, YEARS, 0, false}}    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct age_clock c;

        age_clock_init(&c, 0, (uint64_t)NOW, mono(0));
        for (size_t k = 0; k < MOMENTS && (k == 0 || cases[i].moments[k].at != 0); k++)
            check(&c, &cases[i].moments[k], cases[i].what);
    }
}

TEST(at_a_start_it_goes_on_where_it_was_unless_the_pause_was_short)
{
    static const struct {
        const char *what;
        int64_t known, off; /* before NOW; 0: not known */
        int64_t behind;
    } cases[] = {
        {"nothing is known",           0,        0,       0           },
        {"nothing, ten years ahead",   0,        YEARS,   0           },
        {"a restart",                  1000,     0,       0           },
        {"an hour's pause",            HOUR,     0,       0           },
        {"a longer pause",             HOUR + 1, 0,       HOUR + 1    },
        {"a month's pause",            30 * DAY, 0,       30 * DAY    },
        {"a restart ten years ahead",  1000,     YEARS,   YEARS + 1000},
        {"a restart two hours ahead",  1000,     7200000, 7201000     },
        {"a restart ten years behind", 1000,     -YEARS,  0           },
        {"known from the future",      -YEARS,   0,       0           },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t known = cases[i].known != 0 ? (uint64_t)(NOW - cases[i].known) : 0;
        const struct moment moments[] = {
            {0,          cases[i].off, cases[i].behind, cases[i].behind > 0},
            {DAY,        cases[i].off, cases[i].behind, false              },
            {DAY + HOUR, cases[i].off, 0,               false              },
        };
        struct age_clock c;

        age_clock_init(&c, known, (uint64_t)(NOW + cases[i].off), mono(0));
        for (size_t k = 0; k < ARRAY_LEN(moments); k++)
            check(&c, &moments[k], cases[i].what);
    }
}

/* A server that is restarted daily, with a pause each time, and tells the next one what it knew. */
TEST(restarts_each_day_do_not_stop_it)
{
    static const struct {
        int64_t up, down, behind; /* after 30 days */
    } cases[] = {
        {DAY - MINUTE, MINUTE,   0        },
        {23 * HOUR,    HOUR,     0        },
        {22 * HOUR,    2 * HOUR, 58 * HOUR},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t known = 0, behind, wall = 0;

        for (int64_t day = 0; day < 30; day++) {
            struct age_clock c;

            age_clock_init(&c, known, (uint64_t)(NOW + day * DAY), mono(0));
            for (int64_t at = 0; at <= cases[i].up; at += MINUTE) {
                wall = (uint64_t)(NOW + day * DAY + at);
                known = age_clock_ms(&c, wall, mono(at), &behind);
            }
        }
        assert_int_equal(wall - known, cases[i].behind);
    }
}

TEST(times_near_zero_are_no_trouble)
{
    struct age_clock c;
    uint64_t behind = 99;

    age_clock_init(&c, 0, 0, 0);
    assert_int_equal(age_clock_ms(&c, 5, 0, &behind), 0);
    assert_int_equal(age_clock_ms(&c, 0, NS_PER_SEC, &behind), 0);
    assert_int_equal(behind, 0);
    assert_int_equal(age_clock_ms(&c, 1000, 2 * NS_PER_SEC, &behind), 1000);
}

RUN_TESTS(T(a_step_forward_counts_a_day_later_and_a_step_back_at_once),
          T(at_a_start_it_goes_on_where_it_was_unless_the_pause_was_short),
          T(restarts_each_day_do_not_stop_it),
          T(times_near_zero_are_no_trouble))
