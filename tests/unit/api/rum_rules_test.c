/* SPDX-License-Identifier: MIT */
/* Which values can be true, what they become, and which page a path belongs to. */
#include "api/rum.h"
#include "tests/unit/unit.h"

#include <math.h>

static uint64_t nanos(double seconds)
{
    return (uint64_t)(seconds * 1e9 + 0.5);
}

TEST(vitals_are_found_by_their_exact_name)
{
    static const char *const none[] = {"", "lcp", "LCP ", "LC", "FID", "TTFBX", "other"};
    static const char *const names[RUM_VITALS] = {"LCP", "INP", "CLS", "FCP", "TTFB"};
    enum rum_vital_name name = RUM_VITALS;

    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(rum_vital_find(slice_str(none[i]), &name));
    assert_int_equal(name, RUM_VITALS);
    for (size_t i = 0; i < RUM_VITALS; i++) {
        assert_true(rum_vital_find(slice_str(names[i]), &name));
        assert_int_equal(name, i);
    }
}

TEST(milliseconds_become_nanoseconds_and_shifts_billionths)
{
    static const struct {
        enum rum_vital_name name;
        double v;
        uint64_t cells;
    } cases[] = {
        {RUM_LCP,  0,          0                     },
        {RUM_LCP,  2500,       UINT64_C(2500000000)  },
        {RUM_LCP,  1234.5678,  1234567800            },
        {RUM_LCP,  600000,     UINT64_C(600000000000)},
        {RUM_INP,  8,          8000000               },
        {RUM_INP,  60000,      UINT64_C(60000000000) },
        {RUM_CLS,  0.1,        100000000             },
        {RUM_CLS,  0.25,       250000000             },
        {RUM_CLS,  100,        UINT64_C(100000000000)},
        {RUM_FCP,  1800,       1800000000            },
        {RUM_TTFB, 0.0000001,  0                     },
        {RUM_TTFB, 0.0000006,  1                     },
        {RUM_TTFB, 800.000001, 800000001             },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t cells = 77;

        assert_true(rum_vital_value(cases[i].name, cases[i].v, &cells));
        assert_int_equal(cells, cases[i].cells);
    }
}

TEST(what_no_browser_measures_is_implausible)
{
    static const struct {
        enum rum_vital_name name;
        double v;
    } vitals[] = {
        {RUM_LCP,  -1      },
        {RUM_LCP,  600000.1},
        {RUM_FCP,  600001  },
        {RUM_TTFB, 1e300   },
        {RUM_TTFB, -0.001  },
        {RUM_INP,  60000.5 },
        {RUM_CLS,  100.01  },
        {RUM_CLS,  -1e-9   },
    };
    static const double loads[] = {0, -0.0, -1, 600.0001, 1e300};
    static const double memories[] = {0, 0.5, -1, 68719476736.5, 1e300};
    uint64_t v = 77;

    for (size_t i = 0; i < ARRAY_LEN(vitals); i++)
        assert_false(rum_vital_value(vitals[i].name, vitals[i].v, &v));
    for (size_t i = 0; i < RUM_VITALS; i++)
        assert_false(rum_vital_value((enum rum_vital_name)i, (double)NAN, &v));
    for (size_t i = 0; i < ARRAY_LEN(loads); i++)
        assert_false(rum_load_value(loads[i], &v));
    for (size_t i = 0; i < ARRAY_LEN(memories); i++)
        assert_false(rum_memory_value(memories[i], &v));
    assert_int_equal(v, 77);
    assert_true(rum_load_value(600, &v));
    assert_int_equal(v, nanos(600));
    assert_true(rum_load_value(1e-10, &v));
    assert_int_equal(v, 0);
    assert_true(rum_memory_value(68719476736.0, &v));
    assert_int_equal(v, UINT64_C(68719476736));
    assert_true(rum_memory_value(1, &v));
    assert_int_equal(v, 1);
}

TEST(ratings_change_above_their_thresholds)
{
    static const struct {
        enum rum_vital_name name;
        double good, fair;
    } cases[] = {
        {RUM_LCP,  2.5, 4   },
        {RUM_INP,  0.2, 0.5 },
        {RUM_CLS,  0.1, 0.25},
        {RUM_FCP,  1.8, 3   },
        {RUM_TTFB, 0.8, 1.8 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum rum_vital_name name = cases[i].name;
        uint64_t good = nanos(cases[i].good), fair = nanos(cases[i].fair);

        assert_string_equal(rum_rating(name, 0), "good");
        assert_string_equal(rum_rating(name, good), "good");
        assert_string_equal(rum_rating(name, good + 1), "needs-improvement");
        assert_string_equal(rum_rating(name, fair), "needs-improvement");
        assert_string_equal(rum_rating(name, fair + 1), "poor");
    }
}

TEST(both_thresholds_of_a_vital_are_bounds_of_its_histogram)
{
    for (size_t i = 0; i < RUM_VITALS; i++) {
        const struct metric_desc *d = &metric_table[rum_vitals[i].family];
        size_t found = 0;

        for (size_t k = 0; k < d->n_bounds; k++)
            found += d->bounds[k] == rum_vitals[i].good || d->bounds[k] == rum_vitals[i].fair;
        assert_int_equal(found, 2);
        assert_int_equal(d->unit, i == RUM_CLS ? METRIC_DECIMAL : METRIC_SECONDS);
        assert_true(d->exemplars);
    }
}

TEST(kinds_of_errors_are_those_of_the_events)
{
    assert_int_equal(rum_error_kind(SLICE_LIT("error")), RUM_ERROR);
    assert_int_equal(rum_error_kind(SLICE_LIT("unhandledrejection")), RUM_REJECTION);
    assert_int_equal(rum_error_kind(SLICE_LIT("other")), RUM_OTHER);
    assert_int_equal(rum_error_kind(SLICE_LIT("Error")), RUM_OTHER);
    assert_int_equal(rum_error_kind(SLICE_LIT("")), RUM_OTHER);
}

TEST(a_star_stands_for_one_segment)
{
    static const struct {
        const char *template, *path;
        bool matches;
    } cases[] = {
        {"/",        "/",         true },
        {"/",        "",          false},
        {"/",        "//",        false},
        {"/blog",    "/blog",     true },
        {"/blog",    "/blog/",    false},
        {"/blog",    "/Blog",     false},
        {"/blog/",   "/blog/",    true },
        {"/blog/",   "/blog",     false},
        {"/blog/*",  "/blog/a",   true },
        {"/blog/*",  "/blog/*",   true },
        {"/blog/*",  "/blog/",    false},
        {"/blog/*",  "/blog",     false},
        {"/blog/*",  "/blog/a/b", false},
        {"/blog/*",  "/blog/a/",  false},
        {"/blog/*/", "/blog/a/",  true },
        {"/*",       "/a",        true },
        {"/*",       "/",         false},
        {"/*",       "a",         false},
        {"/*/*",     "/a/b",      true },
        {"/*/*",     "/a//",      false},
        {"/a/*/c",   "/a/b/c",    true },
        {"/a/*/c",   "/a/b/d",    false},
        {"/a/*/c",   "/a//c",     false},
        {"/%41",     "/A",        false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (rum_page_matches(slice_str(cases[i].template), slice_str(cases[i].path)) !=
            cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].template, cases[i].path);
}

TEST(the_first_template_that_matches_is_the_label)
{
    static const struct slice pages[] = {
        {"/",          1 },
        {"/blog/new",  9 },
        {"/blog/*",    7 },
        {"/blog/last", 10},
    };
    static const struct {
        const char *path, *label;
    } cases[] = {
        {"/",            "/"        },
        {"/?a=/b",       "/"        },
        {"/#top",        "/"        },
        {"/blog/new",    "/blog/new"},
        {"/blog/last",   "/blog/*"  },
        {"/blog/x?y#z",  "/blog/*"  },
        {"/blog/?",      "other"    },
        {"/blog",        "other"    },
        {"?",            "other"    },
        {"",             "other"    },
        {"other",        "other"    },
        {"https://a.b/", "other"    },
    };
    struct api_live live = {.rum_pages = pages, .n_rum_pages = ARRAY_LEN(pages)};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!slice_eq(rum_page_label(&live, slice_str(cases[i].path)), slice_str(cases[i].label)))
            fail_msg("'%s' is not '%s'", cases[i].path, cases[i].label);
    assert_true(slice_eq(rum_page_label(&live, SLICE_NONE), SLICE_LIT("other")));
    live.n_rum_pages = 0;
    assert_true(slice_eq(rum_page_label(&live, SLICE_LIT("/")), SLICE_LIT("other")));
}

TEST(a_path_of_2048_bytes_has_a_label_and_one_byte_more_is_other)
{
    static const struct slice pages[] = {
        {"/*", 2}
    };
    static const struct {
        size_t path, query;
        const char *label;
    } cases[] = {
        {RUM_PAGE_MAX,     0,     "/*"   },
        {RUM_PAGE_MAX + 1, 0,     "other"},
        {60000,            0,     "other"},
        {RUM_PAGE_MAX,     1,     "/*"   },
        {RUM_PAGE_MAX,     60000, "/*"   },
        {RUM_PAGE_MAX + 1, 60000, "other"},
        {2,                60000, "/*"   },
    };
    const struct api_live live = {.rum_pages = pages, .n_rum_pages = ARRAY_LEN(pages)};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = cases[i].path + cases[i].query;
        char *text = test_malloc(n); /* exactly, for AddressSanitizer */

        memset(text, 'a', n);
        text[0] = '/';
        if (cases[i].query > 0)
            text[cases[i].path] = '?';
        if (!slice_eq(rum_page_label(&live, (struct slice){text, n}), slice_str(cases[i].label)))
            fail_msg("case %zu", i);
        test_free(text);
    }
}

TEST(vitals_have_a_label_of_their_own_page_or_the_reports)
{
    static const struct slice pages[] = {
        {"/a", 2},
        {"/b", 2},
    };
    const struct api_live live = {.rum_pages = pages, .n_rum_pages = ARRAY_LEN(pages)};
    struct rum_report r = {.page = SLICE_LIT("/a?x"), .n_vitals = 3};

    r.vitals[0].page = r.page;
    r.vitals[1].page = SLICE_LIT("/b");
    r.vitals[2].page = SLICE_LIT("/c");
    rum_label_pages(&live, &r);
    assert_ptr_equal(r.label.p, pages[0].p);
    assert_ptr_equal(r.vitals[0].label.p, pages[0].p);
    assert_ptr_equal(r.vitals[1].label.p, pages[1].p);
    assert_true(slice_eq(r.vitals[2].label, SLICE_LIT("other")));
    r = (struct rum_report){.n_vitals = 1};
    rum_label_pages(&live, &r);
    assert_true(slice_eq(r.label, SLICE_LIT("other")));
    assert_true(slice_eq(r.vitals[0].label, SLICE_LIT("other")));
}

TEST(ids_are_1_to_64_of_few_characters)
{
    char text[65];

    memset(text, 'a', sizeof(text));
    assert_true(rum_id_valid(SLICE_LIT("v3-1700000000000-1234567890123")));
    assert_true(rum_id_valid((struct slice){text, RUM_ID_MAX}));
    assert_false(rum_id_valid((struct slice){text, RUM_ID_MAX + 1}));
    assert_false(rum_id_valid(SLICE_LIT("")));
    assert_false(rum_id_valid(SLICE_LIT("a b")));
    assert_false(rum_id_valid(SLICE_LIT("\xc3\xa9")));
}

RUN_TESTS(T(vitals_are_found_by_their_exact_name),
          T(milliseconds_become_nanoseconds_and_shifts_billionths),
          T(what_no_browser_measures_is_implausible),
          T(ratings_change_above_their_thresholds),
          T(both_thresholds_of_a_vital_are_bounds_of_its_histogram),
          T(kinds_of_errors_are_those_of_the_events),
          T(a_star_stands_for_one_segment),
          T(the_first_template_that_matches_is_the_label),
          T(a_path_of_2048_bytes_has_a_label_and_one_byte_more_is_other),
          T(vitals_have_a_label_of_their_own_page_or_the_reports),
          T(ids_are_1_to_64_of_few_characters))
