/* SPDX-License-Identifier: MIT */
/* Pages, byte by byte. Whether others can read them is in exposition_parsers_test.c. */
#include "metrics/exposition.h"
#include "metrics/family.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { EVENTS, LEVEL, CPU, TIMES, SIZES, SHARE, EMPTY, N_ROWS };

static const uint64_t times[] = {1000000, 2500000, 300000000, 1000000000, 10000000000};
static const uint64_t sizes[] = {0, 256, 262144};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [EVENTS] = {.name = "events_total", .help = "Back\\slash, \"quotes\",\na line.",
        .labels = {"kind", "place"}, .type = METRIC_COUNTER},
    [LEVEL] = {.name = "level", .help = "A gauge.", .type = METRIC_GAUGE},
    [CPU] = {.name = "cpu_seconds_total", .help = "Seconds.", .type = METRIC_COUNTER,
        .unit = METRIC_SECONDS},
    [TIMES] = {.name = "took_seconds", .help = "Times.", .labels = {"path"}, .bounds = times,
        .n_bounds = 5, .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS},
    [SIZES] = {.name = "size_bytes", .help = "Sizes.", .bounds = sizes, .n_bounds = 3,
        .type = METRIC_HISTOGRAM, .unit = METRIC_BYTES},
    [SHARE] = {.name = "share_ratio", .help = "A share.", .type = METRIC_GAUGE,
        .unit = METRIC_RATIO},
    [EMPTY] = {.name = "empty_total", .help = "Nothing yet.", .labels = {"a"},
        .type = METRIC_COUNTER},
};
/* clang-format on */

static struct registry *make(void)
{
    return registry_new(rows, N_ROWS, &(struct registry_options){2, 200});
}

static struct registry *make_filled(void)
{
    struct registry *r = make();
    struct shard *s = registry_shard(r, 0), *other = registry_shard(r, 1);
    struct metric took = series_get(r, TIMES, &SLICE_LIT("/"));
    struct metric size = series_plain(r, SIZES);

    metric_add(s, series_get(r, EVENTS, (struct slice[]){SLICE_LIT("b"), SLICE_LIT("x")}), 3);
    metric_add(other, series_get(r, EVENTS, (struct slice[]){SLICE_LIT("a"), SLICE_LIT("\"\\\n")}),
               UINT64_C(18446744073709551615));
    metric_sub(s, series_plain(r, LEVEL), 12);
    metric_add(s, series_plain(r, CPU), 1234567890);
    (void)histogram_observe(s, took, times, 5, 1000000);
    (void)histogram_observe(other, took, times, 5, 250000000);
    (void)histogram_observe(other, took, times, 5, 99000000001);
    (void)histogram_observe(s, size, sizes, 3, 0);
    (void)histogram_observe(s, size, sizes, 3, 300000);
    metric_set(s, series_plain(r, SHARE), 999000000);
    return r;
}

static const char text_page[] =
    "# HELP events_total Back\\\\slash, \"quotes\",\\na line.\n"
    "# TYPE events_total counter\n"
    "events_total{kind=\"a\",place=\"\\\"\\\\\\n\"} 18446744073709551615\n"
    "events_total{kind=\"b\",place=\"x\"} 3\n"
    "# HELP level A gauge.\n"
    "# TYPE level gauge\n"
    "level -12\n"
    "# HELP cpu_seconds_total Seconds.\n"
    "# TYPE cpu_seconds_total counter\n"
    "cpu_seconds_total 1.23456789\n"
    "# HELP took_seconds Times.\n"
    "# TYPE took_seconds histogram\n"
    "took_seconds_bucket{path=\"/\",le=\"0.001\"} 1\n"
    "took_seconds_bucket{path=\"/\",le=\"0.0025\"} 1\n"
    "took_seconds_bucket{path=\"/\",le=\"0.3\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"1.0\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"10.0\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"+Inf\"} 3\n"
    "took_seconds_sum{path=\"/\"} 99.251000001\n"
    "took_seconds_count{path=\"/\"} 3\n"
    "# HELP size_bytes Sizes.\n"
    "# TYPE size_bytes histogram\n"
    "size_bytes_bucket{le=\"0.0\"} 1\n"
    "size_bytes_bucket{le=\"256.0\"} 1\n"
    "size_bytes_bucket{le=\"262144.0\"} 1\n"
    "size_bytes_bucket{le=\"+Inf\"} 2\n"
    "size_bytes_sum 300000\n"
    "size_bytes_count 2\n"
    "# HELP share_ratio A share.\n"
    "# TYPE share_ratio gauge\n"
    "share_ratio 0.999\n";

static const char om_page[] =
    "# TYPE events counter\n"
    "# HELP events Back\\\\slash, \\\"quotes\\\",\\na line.\n"
    "events_total{kind=\"a\",place=\"\\\"\\\\\\n\"} 18446744073709551615\n"
    "events_total{kind=\"b\",place=\"x\"} 3\n"
    "# TYPE level gauge\n"
    "# HELP level A gauge.\n"
    "level -12\n"
    "# TYPE cpu_seconds counter\n"
    "# UNIT cpu_seconds seconds\n"
    "# HELP cpu_seconds Seconds.\n"
    "cpu_seconds_total 1.23456789\n"
    "# TYPE took_seconds histogram\n"
    "# UNIT took_seconds seconds\n"
    "# HELP took_seconds Times.\n"
    "took_seconds_bucket{path=\"/\",le=\"0.001\"} 1\n"
    "took_seconds_bucket{path=\"/\",le=\"0.0025\"} 1\n"
    "took_seconds_bucket{path=\"/\",le=\"0.3\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"1.0\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"10.0\"} 2\n"
    "took_seconds_bucket{path=\"/\",le=\"+Inf\"} 3\n"
    "took_seconds_sum{path=\"/\"} 99.251000001\n"
    "took_seconds_count{path=\"/\"} 3\n"
    "# TYPE size_bytes histogram\n"
    "# UNIT size_bytes bytes\n"
    "# HELP size_bytes Sizes.\n"
    "size_bytes_bucket{le=\"0.0\"} 1\n"
    "size_bytes_bucket{le=\"256.0\"} 1\n"
    "size_bytes_bucket{le=\"262144.0\"} 1\n"
    "size_bytes_bucket{le=\"+Inf\"} 2\n"
    "size_bytes_sum 300000\n"
    "size_bytes_count 2\n"
    "# TYPE share_ratio gauge\n"
    "# UNIT share_ratio ratio\n"
    "# HELP share_ratio A share.\n"
    "share_ratio 0.999\n"
    "# EOF\n";

static void assert_page(struct registry *r, enum exposition_format f, const char *expected)
{
    struct buf out = BUF_INIT;

    exposition_render(r, f, NULL, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_clear(&out);
    exposition_render(r, f, NULL,
                      &out); /* nothing was written: the page is the same, byte for byte */
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
}

TEST(a_page_of_text_0_0_4)
{
    struct registry *r = make_filled();

    assert_page(r, EXPOSITION_TEXT, text_page);
    registry_free(r);
}

TEST(a_page_of_openmetrics)
{
    struct registry *r = make_filled();

    assert_page(r, EXPOSITION_OPENMETRICS, om_page);
    registry_free(r);
}

TEST(families_without_series_are_left_out)
{
    struct registry *r = make();

    assert_page(r, EXPOSITION_TEXT, "");
    assert_page(r, EXPOSITION_OPENMETRICS, "# EOF\n");
    registry_free(r);
}

TEST(a_page_is_appended)
{
    struct registry *r = make();
    struct buf out = BUF_INIT;

    buf_add_str(&out, "before\n");
    exposition_render(r, EXPOSITION_OPENMETRICS, NULL, &out);
    assert_string_equal(buf_cstr(&out), "before\n# EOF\n");
    buf_release(&out);
    registry_free(r);
}

/* The families of an OpenMetrics page that shows `names`, separated by blanks. */
static void add_families(struct registry *r, struct slice names, struct buf *ret)
{
    struct exposition_filter filter = {.n = 0};
    struct buf out = BUF_INIT;

    while (names.p != NULL)
        filter.names[filter.n++] = slice_cut(&names, ' ');
    exposition_render(r, EXPOSITION_OPENMETRICS, &filter, &out);
    for (struct slice rest = {out.data, out.len}; rest.p != NULL;) {
        struct slice line = slice_cut(&rest, '\n');

        if (line.n < 7 || memcmp(line.p, "# TYPE ", 7) != 0)
            continue;
        line = (struct slice){line.p + 7, line.n - 7};
        buf_add_slice(ret, slice_cut(&line, ' '));
        buf_add_char(ret, ' ');
    }
    assert_memory_equal(out.data + out.len - 6, "# EOF\n", 6);
    buf_release(&out);
}

TEST(a_filter_takes_every_name_of_a_family)
{
    static const struct {
        const char *names, *families;
    } cases[] = {
        {"level",                "level "             },
        {"events_total",         "events "            },
        {"events",               "events "            },
        {"took_seconds",         "took_seconds "      },
        {"took_seconds_bucket",  "took_seconds "      },
        {"took_seconds_sum",     "took_seconds "      },
        {"took_seconds_count",   "took_seconds "      },
        {"share_ratio x events", "events share_ratio "},
        {"took_seconds_max",     ""                   },
        {"leve",                 ""                   },
        {"",                     ""                   },
    };
    struct registry *r = make_filled();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf families = BUF_INIT;

        add_families(r, slice_str(cases[i].names), &families);
        assert_string_equal(buf_cstr(&families), cases[i].families);
        buf_release(&families);
    }
    registry_free(r);
}

/* The values of the label `n`, in the order of the page. */
static void assert_order(struct registry *r, const char *expected)
{
    struct buf out = BUF_INIT, seen = BUF_INIT;
    struct page_line line;
    bool bad = false;

    exposition_render(r, EXPOSITION_TEXT, NULL, &out);
    for (struct slice rest = {out.data, out.len}; page_next(&rest, &line, &bad);)
        buf_add(&seen, line.labels.p + 3, line.labels.n - 4);
    assert_false(bad);
    assert_string_equal(buf_cstr(&seen), expected);
    buf_release(&out);
    buf_release(&seen);
}

TEST(series_made_between_pages_find_their_place)
{
    static const struct metric_desc one = {
        .name = "x_total", .help = "h", .labels = {"n"}, .type = METRIC_COUNTER};
    static const struct {
        const char *add, *order;
    } cases[] = {
        {"m",    "m"        },
        {"za",   "amz"      },
        {"",     "amz"      },
        {"ybnl", "ablmnyz"  },
        {"0~",   "0ablmnyz~"},
        {"m",    "0ablmnyz~"},
    };
    struct registry *r = registry_new(&one, 1, &(struct registry_options){1, 100});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (const char *p = cases[i].add; *p != '\0'; p++)
            (void)series_get(r, 0, &(struct slice){p, 1});
        assert_order(r, cases[i].order);
    }
    registry_free(r);
}

TEST(numbers_are_exact_to_the_last_digit)
{
    static const struct {
        enum metric_unit unit;
        uint64_t v;
        const char *text;
    } cases[] = {
        {METRIC_ONE,     0,                              "0"                    },
        {METRIC_BYTES,   UINT64_C(9007199254740993),     "9007199254740993"     }, /* 2^53 + 1 */
        {METRIC_SECONDS, 0,                              "0"                    },
        {METRIC_SECONDS, 1,                              "0.000000001"          },
        {METRIC_SECONDS, UINT64_C(1000000000),           "1"                    },
        {METRIC_SECONDS, UINT64_C(9223372036854775807),  "9223372036.854775807" },
        {METRIC_SECONDS, UINT64_C(9223372036854775808),  "9223372036.854775808" },
        {METRIC_SECONDS, UINT64_C(18446744073000000000), "18446744073"          },
        {METRIC_SECONDS, UINT64_C(18446744073709551615), "18446744073.709551615"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct metric_desc d = {
            .name = "x_total", .help = "h", .type = METRIC_COUNTER, .unit = cases[i].unit};
        struct registry *r = registry_new(&d, 1, &(struct registry_options){1, 10});
        struct buf out = BUF_INIT;
        struct page_line line = {.value = SLICE_NONE};

        metric_add(registry_shard(r, 0), series_plain(r, 0), cases[i].v);
        exposition_render(r, EXPOSITION_TEXT, NULL, &out);
        struct slice page = {out.data, out.len};
        assert_true(page_parse_line(page_find(page, SLICE_LIT("x_total")), &line));
        assert_true(slice_eq(line.value, slice_str(cases[i].text)));
        buf_release(&out);
        registry_free(r);
    }
}

/* What Go's strconv.FormatFloat(v, 'g', -1, 64) writes, and ".0" where that has neither '.' nor 'e'. */
TEST(bounds_are_spelled_as_prometheus_writes_floats)
{
    static const struct {
        enum metric_unit unit;
        uint64_t bound;
        const char *le;
    } cases[] = {
        {METRIC_ONE,     0,                             "0.0"             },
        {METRIC_ONE,     1,                             "1.0"             },
        {METRIC_ONE,     10,                            "10.0"            },
        {METRIC_BYTES,   262144,                        "262144.0"        },
        {METRIC_BYTES,   999999,                        "999999.0"        },
        {METRIC_BYTES,   1000000,                       "1e+06"           },
        {METRIC_BYTES,   1000001,                       "1.000001e+06"    },
        {METRIC_BYTES,   1048576,                       "1.048576e+06"    },
        {METRIC_BYTES,   2500000,                       "2.5e+06"         },
        {METRIC_BYTES,   25000000,                      "2.5e+07"         },
        {METRIC_BYTES,   1000000000,                    "1e+09"           },
        {METRIC_BYTES,   UINT64_C(68719476736),         "6.8719476736e+10"},
        {METRIC_BYTES,   UINT64_C(10000000000000000),   "1e+16"           },
        {METRIC_SECONDS, 1,                             "1e-09"           },
        {METRIC_SECONDS, 12345,                         "1.2345e-05"      },
        {METRIC_SECONDS, 99999,                         "9.9999e-05"      },
        {METRIC_SECONDS, 100000,                        "0.0001"          },
        {METRIC_SECONDS, 300000000,                     "0.3"             },
        {METRIC_SECONDS, 2500000000,                    "2.5"             },
        {METRIC_SECONDS, UINT64_C(999999123456789),     "999999.123456789"},
        {METRIC_SECONDS, UINT64_C(1000000000000000),    "1e+06"           },
        {METRIC_SECONDS, UINT64_C(86400000000000),      "86400.0"         },
        {METRIC_SECONDS, UINT64_C(1234567000000000000), "1.234567e+09"    },
        {METRIC_DECIMAL, 10000000,                      "0.01"            },
        {METRIC_DECIMAL, 1000000000,                    "1.0"             },
    };
    static const enum exposition_format formats[] = {EXPOSITION_TEXT, EXPOSITION_OPENMETRICS};

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct metric_desc d = {.name = "x",
                                .help = "h",
                                .bounds = &cases[i / 2].bound,
                                .n_bounds = 1,
                                .type = METRIC_HISTOGRAM,
                                .unit = cases[i / 2].unit};
        struct registry *r = registry_new(&d, 1, &(struct registry_options){1, 10});
        struct buf out = BUF_INIT, want = BUF_INIT;

        (void)series_plain(r, 0);
        exposition_render(r, formats[i % 2], NULL, &out);
        buf_addf(&want, "\nx_bucket{le=\"%s\"} 0\n", cases[i / 2].le);
        if (strstr(buf_cstr(&out), buf_cstr(&want)) == NULL)
            fail_msg("no%sin %s", want.data, out.data);
        buf_release(&out);
        buf_release(&want);
        registry_free(r);
    }
}

TEST(escapes_are_those_of_the_format)
{
    struct buf b = BUF_INIT;

    exposition_escape_label(&b, SLICE_LIT("a\\b\"c\nd\r\te"));
    assert_string_equal(buf_cstr(&b), "a\\\\b\\\"c\\nd\r\te");
    buf_clear(&b);
    exposition_escape_help(&b, SLICE_LIT("a\\b\"c\nd"), EXPOSITION_TEXT);
    assert_string_equal(buf_cstr(&b), "a\\\\b\"c\\nd");
    buf_clear(&b);
    exposition_escape_help(&b, SLICE_LIT("a\\b\"c\nd"), EXPOSITION_OPENMETRICS);
    assert_string_equal(buf_cstr(&b), "a\\\\b\\\"c\\nd");
    buf_release(&b);
}

/*
 * What a series costs does not depend on how many there are: its line is of the same bytes, and a
 * page without new series sorts nothing and takes no memory.
 */
TEST(a_series_among_ten_thousand_costs_what_one_among_ten_does)
{
    static const size_t counts[] = {10, 1000, 10000};
    const struct metric_desc d = {
        .name = "x_total", .help = "h", .labels = {"a"}, .type = METRIC_COUNTER};
    const size_t head = strlen("# HELP x_total h\n# TYPE x_total counter\n");
    const size_t line = strlen("x_total{a=\"00000\"} 0\n");

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct registry *r = registry_new(&d, 1, &(struct registry_options){1, counts[i] + 1});
        struct buf out = BUF_INIT;
        char text[32];

        for (size_t k = 0; k < counts[i]; k++) {
            int n = snprintf(text, sizeof(text), "%05zu", k * 7919 % counts[i]);
            (void)series_get(r, 0, &(struct slice){text, (size_t)n});
        }
        exposition_render(r, EXPOSITION_TEXT, NULL, &out);
        assert_int_equal(out.len, head + counts[i] * line);
        const struct buf before = out;
        struct series *const *sorted = r->families[0].view.sorted;
        buf_clear(&out);
        exposition_render(r, EXPOSITION_TEXT, NULL, &out);
        assert_int_equal(out.len, before.len);
        assert_ptr_equal(out.data, before.data);
        assert_int_equal(out.cap, before.cap);
        assert_ptr_equal(r->families[0].view.sorted, sorted);
        assert_int_equal(r->families[0].view.n, counts[i]);
        buf_release(&out);
        registry_free(r);
    }
}

RUN_TESTS(T(a_page_of_text_0_0_4),
          T(a_page_of_openmetrics),
          T(families_without_series_are_left_out),
          T(a_page_is_appended),
          T(a_filter_takes_every_name_of_a_family),
          T(series_made_between_pages_find_their_place),
          T(numbers_are_exact_to_the_last_digit),
          T(bounds_are_spelled_as_prometheus_writes_floats),
          T(escapes_are_those_of_the_format),
          T(a_series_among_ten_thousand_costs_what_one_among_ten_does))
