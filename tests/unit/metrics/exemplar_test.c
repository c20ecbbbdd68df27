/* SPDX-License-Identifier: MIT */
/* Exemplars: which one is kept, what of it is shown, and that no reader sees half of one. */
#include "metrics/exposition.h"
#include "metrics/family.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { TIMES, PLAIN, N_ROWS };

static const uint64_t bounds[] = {1000000, 300000000};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [TIMES] = {.name = "t_seconds", .help = "h", .bounds = bounds, .n_bounds = 2,
        .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS, .exemplars = true},
    [PLAIN] = {.name = "p_seconds", .help = "h", .bounds = bounds, .n_bounds = 2,
        .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS},
};
/* clang-format on */

static struct registry *make(size_t shards)
{
    return registry_new(rows, N_ROWS, &(struct registry_options){shards, 100});
}

static void observe(
    struct registry *r, size_t shard, uint64_t v, const char *id, const char *trace, uint64_t wall)
{
    struct shard *s = registry_shard(r, shard);
    struct metric m = series_plain(r, TIMES);
    size_t i = histogram_observe(s, m, bounds, 2, v);

    exemplar_offer(s, m, i, v, (struct exemplar_ids){slice_str(id), slice_str(trace)}, wall);
}

/* What stands behind the bucket `le` on the page; the caller frees nothing. */
static struct slice shown(struct registry *r,
                          const char *le,
                          enum exposition_format f,
                          struct buf *b)
{
    struct page_line line = {.exemplar = SLICE_NONE};
    char start[64];

    buf_clear(b);
    exposition_render(r, f, NULL, b);
    (void)snprintf(start, sizeof(start), "t_seconds_bucket{le=\"%s\"}", le);
    assert_true(
        page_parse_line(page_find((struct slice){b->data, b->len}, slice_str(start)), &line));
    return line.exemplar;
}

static void assert_shown(struct registry *r, const char *le, const char *expected)
{
    struct buf b = BUF_INIT;
    struct slice e = shown(r, le, EXPOSITION_OPENMETRICS, &b);

    assert_int_equal(e.n, strlen(expected));
    assert_memory_equal(e.p != NULL ? e.p : "", expected, e.n);
    buf_release(&b);
}

TEST(an_exemplar_stands_on_its_bucket_with_value_and_timestamp)
{
    struct registry *r = make(1);

    observe(r, 0, 2500000, "abc-1", "0af7651916cd43dd8448eb211c80319c", 1700000000123);
    assert_shown(r, "0.001", "");
    assert_shown(r, "0.3",
                 "{correlation_id=\"abc-1\",trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.0025 "
                 "1700000000.123");
    assert_shown(r, "+Inf", "");
    observe(r, 0, 1000000, "edge", "", 1700000000005);
    assert_shown(r, "0.001", "{correlation_id=\"edge\"} 0.001 1700000000.005");
    observe(r, 0, 12000000000, "slow", "", 1700000001000);
    assert_shown(r, "+Inf", "{correlation_id=\"slow\"} 12 1700000001.000");
    registry_free(r);
}

TEST(the_text_format_shows_none)
{
    struct registry *r = make(1);
    struct buf b = BUF_INIT;

    observe(r, 0, 5, "abc", "", 1700000000000);
    assert_int_equal(shown(r, "0.001", EXPOSITION_TEXT, &b).n, 0);
    assert_null(memmem(b.data, b.len, "correlation_id", 14));
    buf_release(&b);
    registry_free(r);
}

TEST(a_bucket_changes_its_exemplar_at_most_once_a_second)
{
    static const struct {
        uint64_t wall;
        const char *id, *shown;
    } steps[] = {
        {100000, "a", "{correlation_id=\"a\"} 0.000000007 100.000"},
        {100999, "b", "{correlation_id=\"a\"} 0.000000007 100.000"},
        {101000, "c", "{correlation_id=\"c\"} 0.000000007 101.000"},
        {101001, "d", "{correlation_id=\"c\"} 0.000000007 101.000"},
        {41000,  "e", "{correlation_id=\"c\"} 0.000000007 101.000"}, /* it began long ago */
        {40999,  "f", "{correlation_id=\"f\"} 0.000000007 40.999" }, /* the clock was set back */
        {41998,  "g", "{correlation_id=\"f\"} 0.000000007 40.999" },
    };
    struct registry *r = make(1);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        observe(r, 0, 7, steps[i].id, "", steps[i].wall);
        assert_shown(r, "0.001", steps[i].shown);
    }
    registry_free(r);
}

TEST(the_newest_of_all_shards_is_shown)
{
    struct registry *r = make(3);

    observe(r, 0, 7, "first", "", 20000);
    observe(r, 1, 8, "newest", "", 22000);
    observe(r, 2, 9, "middle", "", 21000);
    assert_shown(r, "0.001", "{correlation_id=\"newest\"} 0.000000008 22.000");
    registry_free(r);
}

TEST(ids_that_do_not_fit_or_are_not_text_are_not_shown)
{
    char id[66], trace[34], expected[256];
    struct registry *r = make(1);

    memset(id, 'i', 65);
    id[65] = '\0';
    memset(trace, 't', 33);
    trace[33] = '\0';
    observe(r, 0, 7, id, "", 10000);
    observe(r, 0, 7, "", "", 10000);
    assert_shown(r, "0.001", "");
    id[64] = '\0';
    observe(r, 0, 7, id, trace, 10000); /* too long a trace is left out */
    (void)snprintf(expected, sizeof(expected), "{correlation_id=\"%s\"} 0.000000007 10.000", id);
    assert_shown(r, "0.001", expected);
    trace[32] = '\0';
    observe(r, 0, 7, id, trace, 12000); /* 14 + 64 + 8 + 32 characters: 118 of 128 */
    (void)snprintf(expected, sizeof(expected),
                   "{correlation_id=\"%s\",trace_id=\"%s\"} 0.000000007 12.000", id, trace);
    assert_shown(r, "0.001", expected);
    observe(r, 0, 7, "\xff\xfe", "", 14000);
    assert_shown(r, "0.001", "");
    observe(r, 0, 7, "a\"b\\c\nd", "", 16000);
    assert_shown(r, "0.001", "{correlation_id=\"a\\\"b\\\\c\\nd\"} 0.000000007 16.000");
    registry_free(r);
}

TEST(a_value_outside_its_bucket_is_not_shown)
{
    struct registry *r = make(1);
    struct metric m = series_plain(r, TIMES);

    (void)histogram_observe(registry_shard(r, 0), m, bounds, 2, 5);
    exemplar_offer(registry_shard(r, 0), m, 0, 1000001,
                   (struct exemplar_ids){SLICE_LIT("x"), SLICE_NONE}, 10000);
    assert_shown(r, "0.001", "");
    registry_free(r);
}

TEST(a_bucket_that_counts_nothing_shows_none)
{
    struct registry *r = make(1);

    /* As when a page reads the bucket just before, and the exemplar just after an observation. */
    exemplar_offer(registry_shard(r, 0), series_plain(r, TIMES), 0, 5,
                   (struct exemplar_ids){SLICE_LIT("x"), SLICE_NONE}, 10000);
    assert_shown(r, "0.001", "");
    registry_free(r);
}

TEST(a_family_without_exemplars_takes_none)
{
    struct registry *r = make(1);
    struct metric m = series_plain(r, PLAIN);
    struct buf b = BUF_INIT;

    exemplar_offer(registry_shard(r, 0), m,
                   histogram_observe(registry_shard(r, 0), m, bounds, 2, 5), 5,
                   (struct exemplar_ids){SLICE_LIT("x"), SLICE_NONE}, 10000);
    exposition_render(r, EXPOSITION_OPENMETRICS, NULL, &b);
    assert_null(memmem(b.data, b.len, "correlation_id", 14));
    buf_release(&b);
    registry_free(r);
}

TEST(an_exemplar_that_is_being_written_is_skipped)
{
    struct registry *r = make(1);
    struct exemplar_copy copy = {.wall_ms = 99};

    observe(r, 0, 7, "a", "", 10000);
    assert_true(exemplar_newest(r, series_plain(r, TIMES).exemplar, &copy));
    assert_int_equal(copy.wall_ms, 10000);
    atomic_fetch_add(&registry_shard(r, 0)->exemplars[0].seq, 1);
    copy.wall_ms = 99;
    assert_false(exemplar_newest(r, series_plain(r, TIMES).exemplar, &copy));
    assert_int_equal(copy.wall_ms, 99);
    assert_shown(r, "0.001", "");
    registry_free(r);
}

enum { WRITES = 200000 };

/* Every field of write k says k. */
static void *write_many(void *arg)
{
    struct shard *s = arg;
    struct metric m = {0, 0};
    char id[64], trace[32];

    for (uint64_t k = 1; k <= WRITES; k++) {
        memset(id, (int)('a' + k % 26), sizeof(id));
        memset(trace, (int)('a' + k % 26), sizeof(trace));
        struct exemplar_ids ids = {
            {id,    1 + k % 64},
            {trace, k % 33    }
        };

        exemplar_offer(s, m, 0, k, ids, k * 1000);
    }
    return NULL;
}

static void assert_whole(const struct exemplar_copy *e)
{
    uint64_t k = e->value;

    assert_int_equal(e->wall_ms, k * 1000);
    assert_int_equal(e->id_len, 1 + k % 64);
    assert_int_equal(e->trace_len, k % 33);
    for (size_t i = 0; i < e->id_len; i++)
        assert_int_equal(e->id[i], 'a' + (int)(k % 26));
    for (size_t i = 0; i < e->trace_len; i++)
        assert_int_equal(e->trace[i], 'a' + (int)(k % 26));
}

TEST(no_reader_ever_sees_half_an_exemplar)
{
    struct registry *r = make(1);
    struct exemplar_copy copy = {0};
    uint64_t last = 0;
    pthread_t writer;

    assert_int_equal(series_plain(r, TIMES).exemplar, 0);
    assert_int_equal(pthread_create(&writer, NULL, write_many, registry_shard(r, 0)), 0);
    while (last < WRITES) {
        if (!exemplar_newest(r, 0, &copy))
            continue;
        assert_whole(&copy);
        assert_true(copy.value >= last);
        last = copy.value;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    registry_free(r);
}

RUN_TESTS(T(an_exemplar_stands_on_its_bucket_with_value_and_timestamp),
          T(the_text_format_shows_none),
          T(a_bucket_changes_its_exemplar_at_most_once_a_second),
          T(the_newest_of_all_shards_is_shown),
          T(ids_that_do_not_fit_or_are_not_text_are_not_shown),
          T(a_value_outside_its_bucket_is_not_shown),
          T(a_bucket_that_counts_nothing_shows_none),
          T(a_family_without_exemplars_takes_none),
          T(an_exemplar_that_is_being_written_is_skipped),
          T(no_reader_ever_sees_half_an_exemplar))
