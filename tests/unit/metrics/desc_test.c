/* SPDX-License-Identifier: MIT */
/* Names, sizes and the check of rows. */
#include "metrics/desc.h"
#include "tests/unit/metrics/dies.h"
#include "tests/unit/unit.h"

static const uint64_t bounds[] = {1, 2};

static const struct metric_desc counter = {
    .name = "a_seconds_total", .help = "h", .type = METRIC_COUNTER, .unit = METRIC_SECONDS};
static const struct metric_desc histogram = {
    .name = "h_bytes",
    .help = "h",
    .type = METRIC_HISTOGRAM,
    .unit = METRIC_BYTES,
    .labels = {"a", "b"},
    .bounds = bounds,
    .n_bounds = 2
};

TEST(sizes_follow_from_the_row)
{
    assert_int_equal(desc_labels(&counter), 0);
    assert_int_equal(desc_cells(&counter), 1);
    assert_int_equal(desc_samples(&counter), 1);
    assert_int_equal(desc_labels(&histogram), 2);
    assert_int_equal(desc_cells(&histogram), 4);
    assert_int_equal(desc_samples(&histogram), 5);
}

TEST(a_family_owns_its_names_in_both_formats_and_those_of_its_samples)
{
    static const struct {
        const struct metric_desc *d;
        const char *name;
        bool owns;
    } cases[] = {
        {&counter,   "a_seconds_total",   true },
        {&counter,   "a_seconds",         true },
        {&counter,   "a_seconds_count",   false},
        {&counter,   "a",                 false},
        {&counter,   "",                  false},
        {&histogram, "h_bytes",           true },
        {&histogram, "h_bytes_bucket",    true },
        {&histogram, "h_bytes_sum",       true },
        {&histogram, "h_bytes_count",     true },
        {&histogram, "h_bytes_total",     false},
        {&histogram, "h_bytes_",          false},
        {&histogram, "h_byte",            false},
        {&histogram, "h_bytes_sum_count", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(desc_owns(cases[i].d, slice_str(cases[i].name)), cases[i].owns);
}

TEST(a_unit_is_told_only_when_the_name_ends_in_it)
{
    struct metric_desc d = counter;

    assert_string_equal(desc_om_unit(&d), "seconds");
    d.name = "a_time_total";
    assert_null(desc_om_unit(&d));
    d.unit = METRIC_ONE;
    assert_null(desc_om_unit(&d));
    d.unit = METRIC_DECIMAL;
    assert_null(desc_om_unit(&d));
    assert_string_equal(desc_om_unit(&histogram), "bytes");
}

TEST(units_of_billionths_are_told_from_those_of_ones)
{
    static const bool nanos[] = {
        [METRIC_ONE] = false,  [METRIC_BYTES] = false,  [METRIC_SECONDS] = true,
        [METRIC_RATIO] = true, [METRIC_DECIMAL] = true,
    };
    struct metric_desc d = counter;

    for (unsigned i = 0; i < ARRAY_LEN(nanos); i++) {
        d.unit = (enum metric_unit)i;
        assert_int_equal(desc_in_nanos(&d), nanos[i]);
    }
}

static void check(void *arg)
{
    desc_check(arg, 1);
}

static void check_two(void *arg)
{
    desc_check(arg, 2);
}

TEST(a_bad_row_ends_the_process)
{
    static const uint64_t falling[] = {2, 1}, long_one[] = {1, 1000000000000001};
    static const uint64_t fine_large[] = {0, 1000000000000000000}, fine_tiny[] = {1};
    struct metric_desc bad[12], good[4] = {counter, histogram, histogram, histogram};
    size_t n = 0;

    bad[n] = counter, bad[n++].name = "a_seconds";
    bad[n] = counter, bad[n++].name = "_total";
    bad[n] = counter, bad[n++].name = "0a_total";
    bad[n] = counter, bad[n++].name = "a:b_total";
    bad[n] = counter, bad[n++].labels[0] = "le-x";
    bad[n] = counter, bad[n++].labels[0] = "__a";
    bad[n] = counter, bad[n++].dynamic = 1;
    bad[n] = counter, bad[n++].exemplars = true;
    bad[n] = histogram, bad[n++].labels[1] = "le";
    bad[n] = histogram, bad[n++].labels[1] = "a";
    bad[n] = histogram, bad[n++].bounds = falling;
    bad[n] = histogram, bad[n++].bounds = long_one;
    for (size_t i = 0; i < n; i++)
        assert_true(dies(check, &bad[i]));
    bad[0] = histogram, bad[0].unit = METRIC_SECONDS, bad[0].bounds = long_one;
    bad[1] = histogram, bad[1].dynamic = 1, bad[1].budget = 0;
    bad[2] = histogram, bad[2].n_bounds = 0;
    bad[3] = histogram, bad[3].type = METRIC_GAUGE, bad[3].name = "g_total";
    for (size_t i = 0; i < 4; i++)
        assert_true(dies(check, &bad[i]));
    good[2].bounds = fine_large;
    good[3].unit = METRIC_SECONDS, good[3].bounds = fine_tiny, good[3].n_bounds = 1;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_false(dies(check, &good[i]));
}

TEST(two_families_must_not_share_a_name_in_either_format)
{
    static const char *const bad[][2] = {
        {"a_total", "a"      },
        {"h",       "h_sum"  },
        {"h",       "h_count"},
        {"h",       "h"      },
    };
    struct metric_desc two[2];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        two[0] = i == 0 ? counter : histogram;
        two[0].name = bad[i][0];
        two[1] = (struct metric_desc){.name = bad[i][1], .help = "", .type = METRIC_GAUGE};
        assert_true(dies(check_two, two));
        two[1].name = "other";
        assert_false(dies(check_two, two));
    }
}

RUN_TESTS(T(sizes_follow_from_the_row),
          T(a_family_owns_its_names_in_both_formats_and_those_of_its_samples),
          T(a_unit_is_told_only_when_the_name_ends_in_it),
          T(units_of_billionths_are_told_from_those_of_ones),
          T(a_bad_row_ends_the_process),
          T(two_families_must_not_share_a_name_in_either_format))
