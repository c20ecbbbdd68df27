/* SPDX-License-Identifier: MIT */
/* Cells, shards, sums, and what a registry tells about itself. */
#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "tests/unit/metrics/dies.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

enum { EVENTS, LEVEL, TIMES, MANY, N_ROWS };

static const uint64_t bounds[] = {10, 20};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [EVENTS] = {.name = "events_total", .help = "h", .labels = {"kind"}, .type = METRIC_COUNTER},
    [LEVEL] = {.name = "level", .help = "h", .type = METRIC_GAUGE},
    [TIMES] = {.name = "times", .help = "h", .bounds = bounds, .n_bounds = 2,
        .type = METRIC_HISTOGRAM},
    [MANY] = {.name = "many_total", .help = "h", .labels = {"n"}, .budget = 100000,
        .type = METRIC_COUNTER, .dynamic = 1},
};
/* clang-format on */

static struct registry *make(size_t shards, size_t max_samples)
{
    return registry_new(rows, N_ROWS, &(struct registry_options){shards, max_samples});
}

TEST(a_series_exists_at_0_and_sums_over_all_shards)
{
    struct registry *r = make(3, 100);
    struct metric m = series_get(r, EVENTS, &SLICE_LIT("a"));

    assert_int_equal(metric_value(r, m), 0);
    for (size_t i = 0; i < 3; i++)
        metric_add(registry_shard(r, i), m, 10 + i);
    assert_int_equal(metric_value(r, m), 33);
    registry_free(r);
}

TEST(the_same_values_give_the_same_series_and_others_another)
{
    struct registry *r = make(1, 100);
    struct metric a = series_get(r, EVENTS, &SLICE_LIT("a"));
    struct metric b = series_get(r, EVENTS, &SLICE_LIT("b"));
    struct metric empty = series_get(r, EVENTS, &SLICE_LIT(""));

    assert_int_not_equal(a.cell, b.cell);
    assert_int_not_equal(a.cell, empty.cell);
    assert_int_equal(series_get(r, EVENTS, &SLICE_LIT("a")).cell, a.cell);
    assert_int_equal(series_get(r, EVENTS, &SLICE_NONE).cell, empty.cell);
    assert_int_equal(registry_series(r, EVENTS), 3);
    registry_free(r);
}

TEST(a_gauge_goes_below_0_and_one_shard_may_take_back_what_another_added)
{
    struct registry *r = make(2, 100);
    struct metric m = series_plain(r, LEVEL);

    metric_add(registry_shard(r, 0), m, 5);
    metric_sub(registry_shard(r, 1), m, 5);
    assert_int_equal(metric_value(r, m), 0);
    metric_sub(registry_shard(r, 1), m, 7);
    assert_int_equal((int64_t)metric_value(r, m), -7);
    metric_set(registry_shard(r, 0), m, 7);
    assert_int_equal((int64_t)metric_value(r, m), -5);
    registry_free(r);
}

TEST(an_observation_lands_in_the_bucket_whose_bound_it_does_not_exceed)
{
    static const struct {
        uint64_t v;
        size_t bucket;
    } cases[] = {
        {0,          0},
        {10,         0},
        {11,         1},
        {20,         1},
        {21,         2},
        {UINT64_MAX, 2},
    };
    struct registry *r = make(1, 100);
    struct metric m = series_plain(r, TIMES);
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct metric cell = {m.cell + (uint32_t)cases[i].bucket, 0};
        uint64_t before = metric_value(r, cell);

        assert_int_equal(histogram_observe(registry_shard(r, 0), m, bounds, 2, cases[i].v),
                         cases[i].bucket);
        assert_int_equal(metric_value(r, cell), before + 1);
        sum += cases[i].v;
    }
    assert_int_equal(metric_value(r, (struct metric){m.cell + 3, 0}), sum);
    registry_free(r);
}

TEST(samples_are_the_lines_of_the_page)
{
    struct registry *r = make(1, 100);

    assert_int_equal(registry_samples(r), 1); /* "other" of the dynamic family */
    (void)series_plain(r, LEVEL);
    assert_int_equal(registry_samples(r), 2);
    (void)series_plain(r, TIMES);
    assert_int_equal(registry_samples(r), 7);
    assert_int_equal(registry_max_samples(r), 100);
    assert_ptr_equal(registry_desc(r, TIMES), &rows[TIMES]);
    registry_free(r);
}

TEST(shards_share_no_cache_line)
{
    struct registry *r = make(4, 10);

    for (size_t i = 0; i < 4; i++) {
        uintptr_t start = (uintptr_t)registry_shard(r, i)->cells;

        assert_int_equal(start % CACHE_LINE, 0);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(registry_shard(r, k)->cells, registry_shard(r, i)->cells);
    }
    registry_free(r);
}

static void too_small(void *arg)
{
    (void)arg;
    registry_free(make(1, 7)); /* 1 + 1 + 5 + 1 */
}

static void labels_missing(void *arg)
{
    (void)series_plain(arg, EVENTS);
}

static void no_such_family(void *arg)
{
    (void)series_plain(arg, N_ROWS);
}

static void no_such_shard(void *arg)
{
    (void)registry_shard(arg, 1);
}

TEST(a_caller_that_is_wrong_about_the_table_ends_the_process)
{
    struct registry *r = make(1, 100);

    assert_true(dies(too_small, NULL));
    registry_free(make(1, 8));
    assert_true(dies(labels_missing, r));
    assert_true(dies(no_such_family, r));
    assert_true(dies(no_such_shard, r));
    registry_free(r);
    registry_free(NULL);
}

/* Resident pages of this process, from /proc/self/statm. */
static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long total = 0, resident = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2); /* NOLINT(cert-err34-c): a test */
    (void)fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

TEST(room_for_two_million_samples_takes_no_memory_until_it_is_used)
{
    long before = resident_kib();
    struct registry *r = make(9, 2000000);

    assert_true(resident_kib() - before < 512); /* 9 shards x 16 MB stay untouched */
    metric_add(registry_shard(r, 8), series_plain(r, LEVEL), 1);
    assert_int_equal(metric_value(r, series_plain(r, LEVEL)), 1);
    registry_free(r);
}

TEST(a_hundred_thousand_series_are_each_their_own_and_stand_in_order)
{
    struct registry *r = make(2, 2000000);
    struct buf page = BUF_INIT;
    struct page_line line;
    struct slice rest, last = SLICE_NONE;
    bool bad = false;
    size_t n = 0;
    char name[16];

    for (size_t i = 0; i < 99999; i++) {
        int len = snprintf(name, sizeof(name), "%zu", i * 7919 % 99999);

        metric_add(registry_shard(r, i % 2),
                   series_get(r, MANY, &(struct slice){name, (size_t)len}), i * 7919 % 99999);
    }
    assert_int_equal(registry_series(r, MANY), 100000);
    assert_int_equal(registry_overflow(r, MANY), 0);
    exposition_render(r, EXPOSITION_TEXT, NULL, &page);
    rest = (struct slice){page.data, page.len};
    for (; page_next(&rest, &line, &bad); last = line.key, n++) {
        size_t shorter = last.n < line.key.n ? last.n : line.key.n;

        if (last.n > 0)
            assert_true(memcmp(last.p, line.key.p, shorter) < 0);
        if (line.labels.p[3] != 'o') /* n="123" */
            assert_true(slice_eq((struct slice){line.labels.p + 3, line.labels.n - 4}, line.value));
    }
    assert_false(bad);
    assert_int_equal(n, 100000);
    buf_release(&page);
    registry_free(r);
}

TEST(a_page_with_just_enough_room_holds_one_series_of_each_family)
{
    struct registry *r = make(1, 8);

    (void)series_plain(r, LEVEL);
    (void)series_plain(r, TIMES);
    (void)series_get(r, EVENTS, &SLICE_LIT("other"));
    assert_int_equal(registry_samples(r), 8);
    for (size_t i = 0; i < N_ROWS; i++)
        assert_int_equal(registry_overflow(r, i), 0);
    assert_int_equal(series_get(r, EVENTS, &SLICE_LIT("a")).cell,
                     series_get(r, EVENTS, &SLICE_LIT("other")).cell);
    assert_int_equal(registry_overflow(r, EVENTS), 1);
    assert_int_equal(registry_samples(r), 8);
    registry_free(r);
}

static void count_calls(void *ctx)
{
    (*(int *)ctx)++;
}

TEST(collectors_run_before_each_page)
{
    struct registry *r = make(1, 100);
    struct buf page = BUF_INIT;
    int calls = 0;

    registry_on_collect(r, count_calls, &calls);
    exposition_render(r, EXPOSITION_TEXT, NULL, &page);
    exposition_render(r, EXPOSITION_OPENMETRICS, NULL, &page);
    assert_int_equal(calls, 2);
    buf_release(&page);
    registry_free(r);
}

struct visit {
    struct registry *r;
    char names[32];
    uint64_t sum;
};

static void note(void *ctx, const struct slice *values, struct metric m)
{
    struct visit *v = ctx;

    strncat(v->names, values[0].p, values[0].n);
    strncat(v->names, " ", 2);
    v->sum += metric_value(v->r, m);
}

TEST(every_series_of_a_family_is_visited_the_newest_first)
{
    struct registry *r = make(2, 100);
    struct visit v = {.r = r};

    metric_add(registry_shard(r, 0), series_get(r, EVENTS, &SLICE_LIT("a")), 2);
    metric_add(registry_shard(r, 1), series_get(r, EVENTS, &SLICE_LIT("b")), 3);
    metric_add(registry_shard(r, 1), series_get(r, EVENTS, &SLICE_LIT("a")), 4);
    registry_each(r, EVENTS, note, &v);
    assert_string_equal(v.names, "b a ");
    assert_int_equal(v.sum, 9);
    registry_free(r);
}

TEST(collectors_run_without_a_page_too)
{
    struct registry *r = make(1, 100);
    int calls = 0;

    registry_on_collect(r, count_calls, &calls);
    registry_collect(r);
    assert_int_equal(calls, 1);
    registry_free(r);
}

RUN_TESTS(T(a_series_exists_at_0_and_sums_over_all_shards),
          T(the_same_values_give_the_same_series_and_others_another),
          T(a_gauge_goes_below_0_and_one_shard_may_take_back_what_another_added),
          T(an_observation_lands_in_the_bucket_whose_bound_it_does_not_exceed),
          T(samples_are_the_lines_of_the_page),
          T(shards_share_no_cache_line),
          T(a_caller_that_is_wrong_about_the_table_ends_the_process),
          T(room_for_two_million_samples_takes_no_memory_until_it_is_used),
          T(a_hundred_thousand_series_are_each_their_own_and_stand_in_order),
          T(a_page_with_just_enough_room_holds_one_series_of_each_family),
          T(collectors_run_before_each_page),
          T(every_series_of_a_family_is_visited_the_newest_first),
          T(collectors_run_without_a_page_too))
