/* SPDX-License-Identifier: MIT */
/* Quantiles as Prometheus reckons them, burn rates, and each rule of the verdict at its limit. */
#include "tests/unit/unit.h"

#include "api/status_math.h"

#include <math.h>

static void expect_near(double got, double want)
{
    if (fabs(got - want) > 1e-12)
        print_error("got %.12f, want %.12f\n", got, want);
    assert_true(fabs(got - want) <= 1e-12);
}

TEST(a_quantile_lies_where_histogram_quantile_puts_it)
{
    /* What histogram_quantile() of Prometheus says of the same buckets. */
    static const struct {
        uint64_t counts[STATUS_BUCKETS];
        double q, want;
    } cases[] = {
        {{10},                                0.5,  0.0005 },
        {{10},                                1,    0.001  },
        {{0, 10},                             0.5,  0.00175},
        {{1, 1},                              0.5,  0.001  },
        {{90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10}, 0.9,  0.001  },
        {{90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10}, 0.99, 0.95   },
        {{0, 0, 0, 0, 0, 0, 0, 0, 4},         0.25, 0.225  },
        {{[N_BOUNDS_DURATION] = 1},           0.5,  10     },
        {{99, [N_BOUNDS_DURATION] = 1},       0.99, 0.001  },
        {{98, [N_BOUNDS_DURATION] = 2},       0.99, 10     },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got = -1;

        assert_true(status_quantile(cases[i].q, cases[i].counts, &got));
        expect_near(got, cases[i].want);
    }
}

TEST(there_is_no_quantile_of_nothing)
{
    const uint64_t counts[STATUS_BUCKETS] = {0};
    double got = 7;

    assert_false(status_quantile(0.5, counts, &got));
    expect_near(got, 7);
}

TEST(a_burn_rate_of_1_spends_what_the_objective_allows)
{
    double got = 7;

    assert_false(status_burn(0, 0, 0.999, &got));
    expect_near(got, 7);
    assert_true(status_burn(100, 0, 0.999, &got));
    expect_near(got, 0);
    assert_true(status_burn(99, 1, 0.99, &got));
    expect_near(got, 1);
    assert_true(status_burn(0, 5, 0.9, &got));
    expect_near(got, 10);
    assert_true(status_burn(1, 1, 1, &got)); /* no budget at all is the smallest there is */
    expect_near(got / 5e8, 1);
}

static struct status_signs well(void)
{
    struct status_signs s = {.queue_limit = 4096, .connections_limit = 12000};

    for (size_t i = 0; i < SLOS; i++)
        s.slo[i].objective = 0.999;
    return s;
}

static void expect_well(const struct status_signs *s)
{
    struct status_verdict v;

    status_judge(s, &v);
    assert_int_equal(v.level, STATUS_WELL);
    assert_int_equal(v.n, 0);
}

static void expect_one(const struct status_signs *s, enum status_level level, const char *text)
{
    struct status_verdict v;

    status_judge(s, &v);
    assert_int_equal(v.n, 1);
    assert_string_equal(v.reasons[0].text, text);
    assert_int_equal(v.reasons[0].level, level);
    assert_int_equal(v.level, level);
}

TEST(each_sign_has_its_words)
{
    struct slice store = SLICE_LIT("store");
    struct status_signs s = well();

    expect_well(&s);
    s.draining = true;
    expect_one(&s, STATUS_ATTENTION, "Draining: it ends when nothing is in flight");
    s = well();
    s.down = &store;
    s.n_down = 1;
    expect_one(&s, STATUS_TROUBLE, "Store down");
    s = well();
    s.reload_failed = true;
    expect_one(&s, STATUS_ATTENTION, "The last reload failed: the old configuration stays");
    s = well();
    s.log_dropped_5m = 1;
    expect_one(&s, STATUS_ATTENTION, "1 log lines were lost in the last five minutes");
}

TEST(a_queue_is_full_from_half_and_connections_from_nine_tenths_on)
{
    struct status_signs s = well();

    s.queue_length = 2047;
    s.connections = 10799;
    expect_well(&s);
    s.queue_length = 2048;
    expect_one(&s, STATUS_ATTENTION, "Store queue is 50 % full");
    s.queue_length = 0;
    s.connections = 10800;
    expect_one(&s, STATUS_ATTENTION, "10800 of at most 12000 connections are open");
    s = well();
    s.queue_limit = s.connections_limit = 0; /* not known yet */
    expect_well(&s);
}

static struct status_signs burning(uint64_t good_5m, uint64_t bad_5m, uint64_t good, uint64_t bad)
{
    struct status_signs s = well();

    s.slo[SLO_CONTACT].good_5m = good_5m;
    s.slo[SLO_CONTACT].bad_5m = bad_5m;
    s.slo[SLO_CONTACT].good_1h = good;
    s.slo[SLO_CONTACT].bad_1h = bad;
    return s;
}

TEST(a_budget_burns_when_both_windows_say_so)
{
    struct status_signs s = burning(9969, 31, 9969, 31);

    expect_one(&s, STATUS_ATTENTION, "Budget of contact burns 3.1 times too fast");
    s = burning(9990, 10, 9990, 10); /* exactly what is allowed */
    expect_well(&s);
    s = burning(10000, 0, 9900, 100); /* it is over */
    expect_well(&s);
    s = burning(0, 0, 9900, 100); /* nobody came since */
    expect_well(&s);
    s = burning(90, 10, 99990, 10); /* it just began, and is small */
    expect_well(&s);
    s = burning(9856, 144, 9856, 144);
    expect_one(&s, STATUS_ATTENTION, "Budget of contact burns 14 times too fast");
    s = burning(9855, 145, 9855, 145); /* as fast as would page somebody */
    expect_one(&s, STATUS_TROUBLE, "Budget of contact burns 14 times too fast");
    s = burning(9970, 30, 9855, 145);
    expect_one(&s, STATUS_ATTENTION, "Budget of contact burns 14 times too fast");
}

TEST(a_few_bad_events_among_few_are_no_trouble)
{
    struct status_signs s = burning(3, 2, 3, 2);

    expect_one(&s, STATUS_ATTENTION, "Budget of contact burns 400 times too fast");
    s = burning(3, 3, 3, 3);
    expect_one(&s, STATUS_TROUBLE, "Budget of contact burns 500 times too fast");
    s.slo[SLO_CONTACT].objective =
        0.99; /* a window counts as 100 events: 14.4 bad ones are allowed */
    expect_one(&s, STATUS_ATTENTION, "Budget of contact burns 50 times too fast");
    s.slo[SLO_CONTACT].objective = 0.9;
    expect_well(&s);
}

TEST(the_reasons_stand_in_order_and_the_worst_one_sets_the_level)
{
    struct slice down[] = {SLICE_LIT("store"), SLICE_LIT("cache")};
    struct status_signs s = burning(0, 100, 0, 100);
    struct status_verdict v;

    s.draining = true;
    s.down = down;
    s.n_down = 2;
    s.slo[SLO_AVAILABILITY].good_5m = s.slo[SLO_AVAILABILITY].good_1h = 990;
    s.slo[SLO_AVAILABILITY].bad_5m = s.slo[SLO_AVAILABILITY].bad_1h = 10;
    s.queue_length = 4096;
    s.connections = 12000;
    s.log_dropped_5m = 3;
    s.reload_failed = true;
    status_judge(&s, &v);
    assert_int_equal(v.level, STATUS_TROUBLE);
    assert_int_equal(v.n, 9);
    assert_string_equal(v.reasons[0].text, "Draining: it ends when nothing is in flight");
    assert_string_equal(v.reasons[1].text, "Store down");
    assert_string_equal(v.reasons[2].text, "Cache down");
    assert_string_equal(v.reasons[3].text, "Budget of contact burns 1000 times too fast");
    assert_string_equal(v.reasons[4].text, "Budget of availability burns 10 times too fast");
    assert_string_equal(v.reasons[5].text, "Store queue is 100 % full");
}

TEST(no_reason_is_cut)
{
    struct status_signs s = burning(0, 3, 0, 3);

    s.slo[SLO_CONTACT].objective = 1;
    s.slo[SLO_AVAILABILITY] = s.slo[SLO_CONTACT];
    s.slo[SLO_CONTACT] = s.slo[SLO_LATENCY];
    expect_one(&s, STATUS_TROUBLE, "Budget of availability burns 1000000000 times too fast");
    s = well();
    s.connections = s.connections_limit = UINT32_MAX;
    expect_one(&s, STATUS_ATTENTION, "4294967295 of at most 4294967295 connections are open");
    s = well();
    s.log_dropped_5m = UINT64_C(100000000000000000);
    expect_one(&s, STATUS_ATTENTION,
               "100000000000000000 log lines were lost in the last five minutes");
}

TEST(more_reasons_than_there_is_room_for_are_left_out)
{
    struct slice down[STATUS_REASONS_MAX + 3];
    struct status_signs s = well();
    struct status_verdict v;

    for (size_t i = 0; i < ARRAY_LEN(down); i++)
        down[i] = SLICE_LIT("a-name-that-is-much-too-long-to-be-shown");
    s.down = down;
    s.n_down = ARRAY_LEN(down);
    s.reload_failed = true;
    status_judge(&s, &v);
    assert_int_equal(v.n, STATUS_REASONS_MAX);
    assert_string_equal(v.reasons[STATUS_REASONS_MAX - 1].text, "? down");
}

TEST(each_level_has_a_name)
{
    assert_string_equal(status_level_name(STATUS_WELL), "well");
    assert_string_equal(status_level_name(STATUS_ATTENTION), "attention");
    assert_string_equal(status_level_name(STATUS_TROUBLE), "trouble");
}

RUN_TESTS(T(a_quantile_lies_where_histogram_quantile_puts_it),
          T(there_is_no_quantile_of_nothing),
          T(a_burn_rate_of_1_spends_what_the_objective_allows),
          T(each_sign_has_its_words),
          T(a_queue_is_full_from_half_and_connections_from_nine_tenths_on),
          T(a_budget_burns_when_both_windows_say_so),
          T(a_few_bad_events_among_few_are_no_trouble),
          T(the_reasons_stand_in_order_and_the_worst_one_sets_the_level),
          T(no_reason_is_cut),
          T(more_reasons_than_there_is_room_for_are_left_out),
          T(each_level_has_a_name))
