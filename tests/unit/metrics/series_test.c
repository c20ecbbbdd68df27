/* SPDX-License-Identifier: MIT */
/*
 * Folding: whatever comes, totals stay right, the page stays within its limits, and each folded
 * event is counted.
 */
#include "metrics/exposition.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>

enum { ONE_LABEL, MIXED, BOTH, TIMES, FIXED, N_ROWS };

static const uint64_t bounds[] = {10, 20};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [ONE_LABEL] = {.name = "one_total", .help = "h", .labels = {"a"}, .budget = 4,
        .type = METRIC_COUNTER, .dynamic = 1},
    [MIXED] = {.name = "mixed_total", .help = "h", .labels = {"source", "service"}, .budget = 6,
        .type = METRIC_COUNTER, .dynamic = 1},
    [BOTH] = {.name = "both_total", .help = "h", .labels = {"a", "b"}, .budget = 100,
        .type = METRIC_COUNTER, .dynamic = 3},
    [TIMES] = {.name = "times", .help = "h", .labels = {"page"}, .bounds = bounds, .n_bounds = 2,
        .budget = 1000, .type = METRIC_HISTOGRAM, .dynamic = 1},
    [FIXED] = {.name = "fixed_total", .help = "h", .labels = {"a"}, .type = METRIC_COUNTER},
};
/* clang-format on */

static struct registry *make(size_t max_samples)
{
    return registry_new(rows, N_ROWS, &(struct registry_options){1, max_samples});
}

static struct metric get1(struct registry *r, size_t family, const char *a)
{
    struct slice value = slice_str(a);

    return series_get(r, family, &value);
}

static struct metric get2(struct registry *r, size_t family, const char *a, const char *b)
{
    return series_get(r, family, (struct slice[]){slice_str(a), slice_str(b)});
}

/* The sum and the number of the family's samples on the page. */
static uint64_t total(struct registry *r, const char *name, size_t *ret_n)
{
    struct buf page = BUF_INIT;
    struct page_line line;
    bool bad = false;
    uint64_t sum = 0;
    size_t n = 0;

    exposition_render(r, EXPOSITION_TEXT, NULL, &page);
    for (struct slice rest = {page.data, page.len}; page_next(&rest, &line, &bad);)
        if (slice_eq(line.name, slice_str(name))) {
            sum += (uint64_t)page_nano(line.value) / 1000000000;
            n++;
        }
    assert_false(bad);
    buf_release(&page);
    *ret_n = n;
    return sum;
}

TEST(what_exceeds_the_budget_of_a_family_is_folded_and_counted)
{
    struct registry *r = make(100);
    char name[16];
    size_t n;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10; i++) {
            (void)snprintf(name, sizeof(name), "v%d", i);
            metric_add(registry_shard(r, 0), get1(r, ONE_LABEL, name), 1);
        }
    assert_int_equal(total(r, "one_total", &n), 20);
    assert_int_equal(n, 4); /* three values and "other" */
    assert_int_equal(registry_series(r, ONE_LABEL), 4);
    assert_int_equal(registry_overflow(r, ONE_LABEL), 14);
    assert_int_equal(metric_value(r, get1(r, ONE_LABEL, "other")), 14);
    assert_int_equal(metric_value(r, get1(r, ONE_LABEL, "v2")), 2);
    assert_int_equal(registry_overflow(r, ONE_LABEL), 14);
    registry_free(r);
}

TEST(other_exists_from_the_start_where_all_labels_come_from_outside)
{
    struct registry *r = make(100);

    assert_int_equal(registry_series(r, ONE_LABEL), 1);
    assert_int_equal(registry_series(r, BOTH), 1);
    assert_int_equal(registry_series(r, TIMES), 1);
    assert_int_equal(registry_series(r, MIXED), 0); /* the service is not known yet */
    assert_int_equal(registry_series(r, FIXED), 0);
    registry_free(r);
}

TEST(values_that_no_page_may_show_are_folded)
{
    static const struct {
        const char *p;
        size_t n;
        bool fits;
    } cases[] = {
        {"",                   0, true },
        {"a\"b\\c\nd",         7, true },
        {"\0",                 1, true },
        {"gr\xc3\xbc\xc3\x9f", 6, true },
        {"\xff",               1, false},
        {"\xc3",               1, false},
        {"\xc0\xaf",           2, false}, /* overlong */
        {"\xed\xa0\x80",       3, false}, /* surrogate */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct registry *r = make(100);
        struct metric other = get1(r, ONE_LABEL, "other");
        struct metric m = series_get(r, ONE_LABEL, &(struct slice){cases[i].p, cases[i].n});

        assert_int_equal(m.cell != other.cell, cases[i].fits);
        assert_int_equal(registry_overflow(r, ONE_LABEL), !cases[i].fits);
        registry_free(r);
    }
}

TEST(a_value_may_have_128_bytes_and_not_129)
{
    struct registry *r = make(100);
    char value[METRICS_LABEL_MAX + 1];
    struct metric other = get1(r, ONE_LABEL, "other");

    memset(value, 'a', sizeof(value));
    struct metric fits = series_get(r, ONE_LABEL, &(struct slice){value, METRICS_LABEL_MAX});
    struct metric folded = series_get(r, ONE_LABEL, &(struct slice){value, sizeof(value)});
    assert_int_not_equal(fits.cell, other.cell);
    assert_int_equal(folded.cell, other.cell);
    assert_int_equal(registry_overflow(r, ONE_LABEL), 1);
    registry_free(r);
}

TEST(only_the_dynamic_labels_are_folded)
{
    struct registry *r = make(100);
    struct metric a = get2(r, MIXED, "web", "one");
    struct metric folded = get2(r, MIXED, "\xff", "one");

    assert_int_equal(registry_series(r, MIXED), 2); /* {web,one} brought {other,one} with it */
    assert_int_equal(folded.cell, get2(r, MIXED, "other", "one").cell);
    assert_int_not_equal(folded.cell, a.cell);
    assert_int_equal(registry_overflow(r, MIXED), 1);
    registry_free(r);
}

TEST(one_bad_value_folds_all_dynamic_labels_of_its_event)
{
    struct registry *r = make(100);

    assert_int_equal(get2(r, BOTH, "fine", "\xff").cell, get2(r, BOTH, "other", "other").cell);
    assert_int_equal(registry_series(r, BOTH), 1);
    assert_int_equal(registry_overflow(r, BOTH), 1);
    registry_free(r);
}

TEST(a_combination_of_static_values_that_comes_too_late_has_a_place_that_was_kept)
{
    struct registry *r = make(100);
    char name[16];
    size_t n;

    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "v%d", i);
        metric_add(registry_shard(r, 0), get2(r, MIXED, name, "one"), 1);
    }
    assert_int_equal(registry_series(r, MIXED), 5); /* of 6: one is kept */
    for (int i = 0; i < 3; i++)
        metric_add(registry_shard(r, 0), get2(r, MIXED, "web", "two"), 1);
    assert_int_equal(metric_value(r, get2(r, MIXED, "other", "other")), 3);
    assert_int_equal(total(r, "mixed_total", &n), 23);
    assert_int_equal(n, 6);
    assert_int_equal(registry_overflow(r, MIXED), 16 + 3);
    registry_free(r);
}

TEST(a_bad_value_of_our_own_is_replaced_alone)
{
    struct registry *r = make(100);

    assert_int_equal(get1(r, FIXED, "\xff").cell, get1(r, FIXED, "other").cell);
    assert_int_equal(registry_overflow(r, FIXED), 1);
    metric_add(registry_shard(r, 0), get2(r, MIXED, "web", "\xff"), 1);
    assert_int_equal(metric_value(r, get2(r, MIXED, "web", "other")), 1);
    registry_free(r);
}

TEST(a_family_of_our_own_values_is_folded_as_a_whole_when_the_page_is_full)
{
    struct registry *r = make(15); /* 7 are there, 1 is kept by mixed and 1 by fixed: 6 are left */
    char name[16];
    size_t n;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10; i++) {
            (void)snprintf(name, sizeof(name), "v%d", i);
            metric_add(registry_shard(r, 0), get1(r, FIXED, name), 1);
        }
    assert_int_equal(total(r, "fixed_total", &n), 20);
    assert_int_equal(n, 7);
    assert_int_equal(registry_overflow(r, FIXED), 8);
    assert_int_equal(metric_value(r, get1(r, FIXED, "other")), 8);
    assert_int_equal(registry_samples(r), 14);
    registry_free(r);
}

TEST(the_page_never_has_more_samples_than_its_limit)
{
    for (size_t limit = 12; limit < 60; limit += 5) {
        struct registry *r = make(limit);
        uint64_t events = 0;
        char name[16];
        size_t n, lines = 0;

        for (int i = 0; i < 200; i++) {
            (void)snprintf(name, sizeof(name), "v%d", i);
            metric_add(registry_shard(r, 0), get2(r, BOTH, name, name), 1);
            metric_add(registry_shard(r, 0), get2(r, MIXED, name, i % 3 == 0 ? "x" : "y"), 1);
            (void)histogram_observe(registry_shard(r, 0), get1(r, TIMES, name), bounds, 2, 5);
            events++;
        }
        assert_true(registry_samples(r) <= limit);
        assert_int_equal(total(r, "both_total", &n), events);
        lines += n;
        assert_int_equal(total(r, "mixed_total", &n), events);
        lines += n;
        assert_int_equal(total(r, "times_count", &n), events);
        lines += 5 * n;
        (void)total(r, "one_total", &n);
        assert_int_equal(lines + n, registry_samples(r));
        registry_free(r);
    }
}

TEST(one_family_out_of_room_leaves_what_is_there_to_the_others)
{
    struct registry *r = make(15);

    /* 1 one + 1 both + 5 times, 1 kept by mixed, 1 by fixed: 6 are left */
    assert_int_equal(registry_samples(r), 7);
    assert_int_not_equal(get1(r, TIMES, "a").cell, get1(r, TIMES, "other").cell);
    assert_int_equal(get1(r, TIMES, "b").cell, get1(r, TIMES, "other").cell);
    assert_int_not_equal(get1(r, ONE_LABEL, "a").cell, get1(r, ONE_LABEL, "other").cell);
    assert_int_equal(get1(r, ONE_LABEL, "b").cell, get1(r, ONE_LABEL, "other").cell);
    assert_int_equal(registry_samples(r), 13);
    assert_int_equal(get2(r, MIXED, "a", "b").cell, get2(r, MIXED, "c", "d").cell);
    assert_int_equal(registry_samples(r), 14);
    registry_free(r);
}

enum { THREADS = 4, PER_THREAD = 2000 };

struct racer {
    pthread_t thread;
    struct registry *r;
    size_t shard;
};

/* All threads meet the same new values at about the same time. */
static void *race(void *arg)
{
    const struct racer *me = arg;
    char name[16];

    for (int i = 0; i < PER_THREAD; i++) {
        (void)snprintf(name, sizeof(name), "v%d", i / 4);
        metric_add(registry_shard(me->r, me->shard), get2(me->r, BOTH, name, "x"), 1);
        metric_add(registry_shard(me->r, me->shard), get1(me->r, TIMES, name), 1);
    }
    return NULL;
}

TEST(threads_that_make_the_same_series_at_once_get_the_same_one)
{
    struct registry *r = registry_new(rows, N_ROWS, &(struct registry_options){THREADS, 5000});
    struct racer racers[THREADS];
    size_t n;

    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.r = r, .shard = i};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    assert_int_equal(total(r, "both_total", &n), THREADS * PER_THREAD);
    assert_int_equal(n, 100);
    assert_int_equal(registry_overflow(r, BOTH), THREADS * (PER_THREAD - 99 * 4));
    assert_int_equal(registry_series(r, TIMES), 1 + PER_THREAD / 4);
    registry_free(r);
}

RUN_TESTS(T(what_exceeds_the_budget_of_a_family_is_folded_and_counted),
          T(other_exists_from_the_start_where_all_labels_come_from_outside),
          T(values_that_no_page_may_show_are_folded),
          T(a_value_may_have_128_bytes_and_not_129),
          T(only_the_dynamic_labels_are_folded),
          T(one_bad_value_folds_all_dynamic_labels_of_its_event),
          T(a_combination_of_static_values_that_comes_too_late_has_a_place_that_was_kept),
          T(a_bad_value_of_our_own_is_replaced_alone),
          T(a_family_of_our_own_values_is_folded_as_a_whole_when_the_page_is_full),
          T(the_page_never_has_more_samples_than_its_limit),
          T(one_family_out_of_room_leaves_what_is_there_to_the_others),
          T(threads_that_make_the_same_series_at_once_get_the_same_one))
