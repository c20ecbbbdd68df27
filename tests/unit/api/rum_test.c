/* SPDX-License-Identifier: MIT */
/* What happens to reports: limits, refusals, what is counted under which label, and the books. */
#include "api/rum.h"
#include "metrics/exposition.h"
#include "tests/unit/api/fake.h"

#include <stdio.h>

static const char page_view[] =
    "{\"page\":\"/blog/a\",\"page_load_time_seconds\":1.5,\"memory_usage_bytes\":3000000,"
    "\"errors\":[{\"kind\":\"error\"}],\"correlation_id\":\"view-1\",\"vitals\":["
    "{\"name\":\"LCP\",\"value\":2500,\"id\":\"v1\"},{\"name\":\"INP\",\"value\":208,\"id\":\"v2\"},"
    "{\"name\":\"CLS\",\"value\":0.3,\"id\":\"v3\"},{\"name\":\"FCP\",\"value\":900,\"id\":\"v4\"},"
    "{\"name\":\"TTFB\",\"value\":80,\"id\":\"v5\"}]}";

static const char *const outcomes[] = {"accepted",   "duplicate", "invalid",     "malformed",
                                       "media_type", "too_large", "rate_client", "origin"};
static const char *const reasons[] = {"unknown_key", "unknown_vital", "implausible", "duplicate",
                                      "too_many"};

static const struct slice pages[] = {
    {"/",       1},
    {"/blog/*", 7},
};

static void init(struct fake *f)
{
    fake_init(f);
    f->live.rum_pages = pages;
    f->live.n_rum_pages = ARRAY_LEN(pages);
    api_prepare(&f->api, &f->live);
}

struct sent {
    const char *type, *origin, *coding;
    unsigned types, origins;
};

/* Posts from memory that is gone when the handler returns. */
static void post_as(struct fake *f, const struct sent *sent, struct slice body)
{
    char *copy = must_calloc(body.n + 1, 1);

    if (body.n > 0)
        memcpy(copy, body.p, body.n);
    fake_request(f, HTTP_POST);
    f->rq.head.host = SLICE_LIT("example.com");
    f->rq.head.content_type = sent->type != NULL ? slice_str(sent->type) : SLICE_NONE;
    f->rq.head.type_count = (uint8_t)sent->types;
    f->rq.head.origin = sent->origin != NULL ? slice_str(sent->origin) : SLICE_NONE;
    f->rq.head.origin_count = (uint8_t)sent->origins;
    f->rq.head.content_encoding = sent->coding != NULL ? slice_str(sent->coding) : SLICE_NONE;
    f->rq.head.encoding_count = sent->coding != NULL;
    f->rq.body = (struct slice){body.p != NULL ? copy : NULL, body.n};
    rum_post(&f->rq, &f->api);
    f->rq.body = SLICE_NONE;
    free(copy);
}

static const struct sent as_json = {"application/json", NULL, NULL, 1, 0};

static void post(struct fake *f, const char *body)
{
    post_as(f, &as_json, slice_str(body));
}

static uint64_t outcome(const struct fake *f, const char *name)
{
    return fake_count(f, METRIC_RUM_REPORTS, name);
}

static uint64_t ignored(const struct fake *f, const char *reason)
{
    return fake_count(f, METRIC_RUM_IGNORED, reason);
}

static uint64_t observed(const struct fake *f, enum metric_family family, const char *page)
{
    struct slice label = page != NULL ? slice_str(page) : SLICE_NONE;
    struct metric m = series_get(f->api.registry, family, &label);
    uint64_t n = 0;

    for (uint32_t i = 0; i <= metric_table[family].n_bounds; i++)
        n += metric_value(f->api.registry, (struct metric){m.cell + i, 0});
    return n;
}

static uint64_t bucket(const struct fake *f,
                       enum metric_family family,
                       const char *page,
                       uint32_t i)
{
    struct slice label = page != NULL ? slice_str(page) : SLICE_NONE;
    struct metric m = series_get(f->api.registry, family, &label);

    return metric_value(f->api.registry, (struct metric){m.cell + i, 0});
}

static void expect_taken(const struct fake *f)
{
    expect_answer(f, 200, "{\"message\":\"Metrics received\"}");
    assert_true(slice_eq(f->rq.content_type, SLICE_LIT("application/json")));
}

/* Exactly one outcome so far, this one. */
static void expect_refused(const struct fake *f,
                           unsigned status,
                           const char *code,
                           const char *name)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->rq.status, status);
    assert_true(answer_has(f, buf_cstr(&b)));
    assert_true(answer_has(f, "\"correlation_id\":\"test-id\"}"));
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        assert_int_equal(outcome(f, outcomes[i]), strcmp(outcomes[i], name) == 0);
    assert_int_equal(fake_count(f, METRIC_RECEIVED_METRICS, NULL), 0);
    buf_release(&b);
}

TEST(all_series_are_there_before_the_first_report)
{
    static const enum metric_family by_page[] = {METRIC_RUM_LCP, METRIC_RUM_INP, METRIC_RUM_CLS,
                                                 METRIC_RUM_FCP, METRIC_RUM_TTFB};
    struct fake f;

    init(&f);
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_REPORTS), ARRAY_LEN(outcomes));
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_IGNORED), ARRAY_LEN(reasons));
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_ERRORS), RUM_ERRORS);
    assert_int_equal(registry_series(f.api.registry, METRIC_PAGE_LOAD), 1);
    assert_int_equal(registry_series(f.api.registry, METRIC_MEMORY_USAGE), 1);
    assert_int_equal(registry_series(f.api.registry, METRIC_MEMORY_DISTRIBUTION), 1);
    assert_int_equal(registry_series(f.api.registry, METRIC_RECEIVED_METRICS), 1);
    for (size_t i = 0; i < ARRAY_LEN(by_page); i++) {
        assert_int_equal(registry_series(f.api.registry, by_page[i]), ARRAY_LEN(pages) + 1);
        assert_int_equal(observed(&f, by_page[i], "/blog/*"), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        assert_int_equal(outcome(&f, outcomes[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        assert_int_equal(ignored(&f, reasons[i]), 0);
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_REPORTS), ARRAY_LEN(outcomes));
    fake_release(&f);
}

TEST(a_report_moves_every_metric_it_speaks_of)
{
    struct fake f;

    init(&f);
    post(&f, page_view);
    expect_taken(&f);
    assert_int_equal(outcome(&f, "accepted"), 1);
    assert_int_equal(fake_count(&f, METRIC_RECEIVED_METRICS, NULL), 1);
    assert_int_equal(fake_count(&f, METRIC_RUM_ERRORS, "error"), 1);
    assert_int_equal(bucket(&f, METRIC_PAGE_LOAD, NULL, 3), 1);           /* up to 2 */
    assert_int_equal(bucket(&f, METRIC_MEMORY_DISTRIBUTION, NULL, 2), 1); /* up to 5e+06 */
    assert_int_equal(bucket(&f, METRIC_RUM_LCP, "/blog/*", 4), 1);        /* up to 2.5: good */
    assert_int_equal(bucket(&f, METRIC_RUM_INP, "/blog/*", 4), 1);        /* up to .3 */
    assert_int_equal(bucket(&f, METRIC_RUM_CLS, "/blog/*", 6), 1);        /* up to .5: poor */
    assert_int_equal(bucket(&f, METRIC_RUM_FCP, "/blog/*", 1), 1);        /* up to 1 */
    assert_int_equal(bucket(&f, METRIC_RUM_TTFB, "/blog/*", 0), 1);       /* up to .1 */
    for (unsigned i = METRIC_RUM_LCP; i <= METRIC_RUM_TTFB; i++) {
        assert_int_equal(observed(&f, i, "/blog/*"), 1);
        assert_int_equal(observed(&f, i, "other"), 0);
    }
    fake_release(&f);
}

TEST(a_vital_counts_under_its_own_page_or_its_reports_or_other)
{
    struct fake f;

    init(&f);
    post(&f, "{\"page\":\"/\",\"vitals\":[{\"name\":\"LCP\",\"value\":1},"
             "{\"name\":\"LCP\",\"value\":1,\"page\":\"/blog/x\"},"
             "{\"name\":\"LCP\",\"value\":1,\"page\":\"/secret/token\"}]}");
    post(&f, "{\"vitals\":[{\"name\":\"LCP\",\"value\":1}]}");
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "/"), 1);
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "/blog/*"), 1);
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), 2);
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_LCP), 3);
    fake_release(&f);
}

TEST(the_gauge_is_the_last_memory_and_the_histogram_has_all)
{
    struct buf page = BUF_INIT;
    struct fake f;

    init(&f);
    post(&f,
         "[{\"memory_usage_bytes\":5000000},{\"memory_usage_bytes\":1000001},{\"page\":\"/\"}]");
    exposition_render(f.api.registry, EXPOSITION_TEXT, NULL, &page);
    assert_non_null(strstr(buf_cstr(&page), "\nmemory_usage_bytes 1000001\n"));
    assert_non_null(
        strstr(page.data, "\nmemory_usage_distribution_bytes_bucket{le=\"1e+06\"} 0\n"));
    assert_non_null(
        strstr(page.data, "\nmemory_usage_distribution_bytes_bucket{le=\"2.5e+06\"} 1\n"));
    assert_non_null(
        strstr(page.data, "\nmemory_usage_distribution_bytes_bucket{le=\"5e+06\"} 2\n"));
    assert_non_null(strstr(page.data, "\nmemory_usage_distribution_bytes_sum 6000001\n"));
    buf_release(&page);
    fake_release(&f);
}

TEST(exemplars_carry_the_pages_correlation_id)
{
    struct buf page = BUF_INIT;
    struct fake f;

    init(&f);
    post(&f, page_view);
    post(&f, "{\"vitals\":[{\"name\":\"TTFB\",\"value\":80}],\"correlation_id\":\"no id\"}");
    exposition_render(f.api.registry, EXPOSITION_OPENMETRICS, NULL, &page);
    assert_non_null(strstr(buf_cstr(&page),
                           "rum_lcp_seconds_bucket{page=\"/blog/*\",le=\"2.5\"} 1 # "
                           "{correlation_id=\"view-1\"} 2.5 1760000000.123\n"));
    assert_non_null(strstr(page.data, "page_load_time_seconds_bucket{le=\"2.0\"} 1 # "
                                      "{correlation_id=\"view-1\"} 1.5 1760000000.123\n"));
    assert_non_null(strstr(page.data, "rum_cls_bucket{page=\"/blog/*\",le=\"0.5\"} 1 # "
                                      "{correlation_id=\"view-1\"} 0.3 1760000000.123\n"));
    assert_non_null(strstr(page.data, "rum_ttfb_seconds_bucket{page=\"other\",le=\"0.1\"} 1\n"));
    assert_int_equal(ignored(&f, "implausible"), 1);
    buf_release(&page);
    fake_release(&f);
}

TEST(what_was_counted_before_is_not_counted_again)
{
    struct fake f;

    init(&f);
    post(
        &f,
        "{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"id\":\"a\"},"
        "{\"name\":\"LCP\",\"value\":9,\"id\":\"a\"},{\"name\":\"CLS\",\"value\":1,\"id\":\"a\"}]}");
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), 1);
    assert_int_equal(observed(&f, METRIC_RUM_CLS, "other"), 1);
    assert_int_equal(ignored(&f, "duplicate"), 1);
    post(&f,
         "[{\"vitals\":[{\"name\":\"LCP\",\"value\":5,\"id\":\"a\"}]},"
         "{\"vitals\":[{\"name\":\"LCP\",\"value\":5,\"id\":\"a\"}],\"page_load_time_seconds\":1,"
         "\"memory_usage_bytes\":5,\"errors\":[{\"kind\":\"error\"}]},"
         "{\"vitals\":[{\"name\":\"LCP\",\"value\":5,\"id\":\"a\"},"
         "{\"name\":\"FCP\",\"value\":5,\"id\":\"a\"}],\"page_load_time_seconds\":1}]");
    expect_taken(&f);
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), 1);
    assert_int_equal(observed(&f, METRIC_RUM_FCP, "other"), 1);
    assert_int_equal(observed(&f, METRIC_PAGE_LOAD, NULL), 1);
    assert_int_equal(observed(&f, METRIC_MEMORY_DISTRIBUTION, NULL), 0);
    assert_int_equal(fake_count(&f, METRIC_RUM_ERRORS, "error"), 0);
    assert_int_equal(ignored(&f, "duplicate"), 4);
    assert_int_equal(outcome(&f, "duplicate"), 2);
    assert_int_equal(outcome(&f, "accepted"), 2);
    assert_int_equal(fake_count(&f, METRIC_RECEIVED_METRICS, NULL), 2);
    post(&f, "{\"vitals\":[{\"name\":\"LCP\",\"value\":1},{\"name\":\"LCP\",\"value\":1}]}");
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), 3);
    fake_release(&f);
}

TEST(ids_forgotten_too_early_are_counted)
{
    struct buf body = BUF_INIT;
    struct fake f;

    init(&f);
    for (unsigned i = 0; i < RUM_IDS_MAX + 10; i++) {
        buf_addf(&body, "%s{\"name\":\"LCP\",\"value\":1,\"id\":\"%u\"}", body.len > 0 ? "," : "[",
                 i);
        if (i % RUM_REPORTS_MAX != RUM_REPORTS_MAX - 1 && i != RUM_IDS_MAX + 9)
            continue;
        buf_add_char(&body, ']');
        post(&f, buf_cstr(&body));
        expect_taken(&f);
        buf_clear(&body);
    }
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), RUM_IDS_MAX + 10);
    assert_int_equal(fake_count(&f, METRIC_RUM_IDS_FORGOTTEN, NULL), 10);
    buf_release(&body);
    fake_release(&f);
}

TEST(one_wrong_type_refuses_the_whole_batch_and_names_it)
{
    struct buf body = BUF_INIT;
    struct fake f;

    init(&f);
    buf_addf(&body, "[%s,{\"page\":7,\"page_load_time_seconds\":\"soon\"}]", page_view);
    post(&f, buf_cstr(&body));
    expect_refused(&f, 422, "invalid", "invalid");
    assert_true(answer_has(&f, "\"fields\":{\"page\":\"must be a string: the path of the page\","
                               "\"page_load_time_seconds\":\"must be a number of seconds\"}"));
    assert_false(answer_has(&f, "soon"));
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "/blog/*"), 0);
    assert_int_equal(fake_count(&f, METRIC_RUM_ERRORS, "error"), 0);
    buf_release(&body);
    /* And its IDs were not remembered. */
    post(&f, page_view);
    assert_int_equal(ignored(&f, "duplicate"), 0);
    fake_release(&f);
}

TEST(who_may_send_what)
{
    static const struct {
        struct sent sent;
        unsigned status;
        const char *outcome, *code;
    } cases[] = {
        {{"application/json", NULL, NULL, 1, 0},                            200, "accepted",   NULL                    },
        {{"Application/JSON; charset=UTF-8", NULL, "identity", 1, 0},       200, "accepted",   NULL                    },
        {{"application/json", "https://shop.example", NULL, 1, 1},          200, "accepted",   NULL                    },
        {{"text/plain;charset=UTF-8", "https://shop.example", NULL, 1, 1},  200, "accepted",   NULL                    },
        {{"text/plain", "https://example.com", NULL, 1, 1},                 200, "accepted",   NULL                    },
        {{"text/plain", "http://example.com", NULL, 1, 1},                  200, "accepted",   NULL                    },
        {{"text/plain", NULL, NULL, 1, 0},                                  415, "media_type", "unsupported_media_type"},
        {{NULL, NULL, NULL, 0, 0},                                          415, "media_type", "unsupported_media_type"},
        {{"text/html", NULL, NULL, 1, 0},                                   415, "media_type", "unsupported_media_type"},
        {{"application/json", NULL, NULL, 2, 0},                            415, "media_type", "unsupported_media_type"},
        {{"application/json; charset=latin1", NULL, NULL, 1, 0},
         415,                                                                    "media_type",
         "unsupported_media_type"                                                                                      },
        {{"text/plain; charset=latin1", "https://example.com", NULL, 1, 1},
         415,                                                                    "media_type",
         "unsupported_media_type"                                                                                      },
        {{"application/json", NULL, "gzip", 1, 0},                          415, "media_type", "unsupported_media_type"},
        {{"application/json", "https://evil.example", NULL, 1, 1},
         403,                                                                    "origin",
         "origin_not_allowed"                                                                                          },
        {{"text/plain", "https://evil.example", NULL, 1, 1},                403, "origin",     "origin_not_allowed"    },
        {{"text/plain", "null", NULL, 1, 1},                                403, "origin",     "origin_not_allowed"    },
        {{"application/json", "", NULL, 1, 1},                              403, "origin",     "origin_not_allowed"    },
        {{"text/plain", "https://shop.example", NULL, 1, 2},                403, "origin",     "origin_not_allowed"    },
        {{"text/plain", "https://shop.example.evil.example", NULL, 1, 1},
         403,                                                                    "origin",
         "origin_not_allowed"                                                                                          },
        {{"text/plain", "https://example.com:8443", NULL, 1, 1},
         403,                                                                    "origin",
         "origin_not_allowed"                                                                                          },
    };
    static const struct slice origins[] = {
        {"https://shop.example", 20}
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;

        init(&f);
        f.http.origins = origins;
        f.http.n_origins = 1;
        post_as(&f, &cases[i].sent, slice_str(page_view));
        if (f.rq.status != cases[i].status)
            fail_msg("case %zu: %u", i, f.rq.status);
        assert_int_equal(outcome(&f, cases[i].outcome), 1);
        if (cases[i].code != NULL)
            expect_refused(&f, cases[i].status, cases[i].code, cases[i].outcome);
        fake_release(&f);
    }
}

TEST(refusals_of_the_media_type_say_what_is_accepted)
{
    static const struct sent zipped = {"application/json", NULL, "gzip", 1, 0};
    static const struct sent html = {"text/html", NULL, NULL, 1, 0};
    struct fake f;

    init(&f);
    post_as(&f, &zipped, slice_str(page_view));
    expect_header(&f, "accept-encoding", "identity");
    post_as(&f, &html, slice_str(page_view));
    expect_header(&f, "accept", "application/json");
    fake_release(&f);
}

TEST(a_body_of_64_kib_is_taken_and_one_byte_more_is_not)
{
    struct buf body = BUF_INIT;
    struct fake f;

    init(&f);
    buf_add_str(&body, page_view);
    while (body.len < RUM_BODY_MAX)
        buf_add_char(&body, ' ');
    post(&f, buf_cstr(&body));
    expect_taken(&f);
    fake_release(&f);
    init(&f);
    buf_add_char(&body, ' ');
    post(&f, buf_cstr(&body));
    expect_refused(&f, 413, "content_too_large", "too_large");
    fake_release(&f);
    init(&f);
    fake_request(&f, HTTP_POST);
    rum_too_large(&f.rq, &f.api);
    assert_int_equal(f.sent, 0);
    assert_int_equal(outcome(&f, "too_large"), 1);
    fake_release(&f);
    buf_release(&body);
}

TEST(no_body_is_malformed)
{
    static const struct slice bodies[] = {
        {NULL, 0},
        {"",   0},
        {"{",  1},
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct fake f;

        init(&f);
        post_as(&f, &as_json, bodies[i]);
        expect_refused(&f, 400, "malformed", "malformed");
        fake_release(&f);
    }
}

TEST(each_client_has_a_limit_that_the_contact_form_does_not_share)
{
    struct ip client;
    uint64_t wait_ns;
    struct fake f;

    init(&f);
    f.live.rum_rate = f.live.contact_rate = (struct rate){2, 60 * NS_PER_SEC};
    post(&f, page_view);
    post(&f, "not json");
    assert_int_equal(f.rq.status, 400);
    assert_false(f.rq.limited);
    post(&f, page_view);
    assert_int_equal(f.rq.status, 429);
    assert_true(f.rq.limited);
    assert_true(answer_has(&f, "\"code\":\"rate_limited\""));
    expect_header(&f, "retry-after", "30");
    assert_int_equal(outcome(&f, "rate_client"), 1);
    client = ip_client_key(&f.rq.client);
    for (int i = 0; i < 2; i++)
        assert_true(
            rate_take(f.api.clients, &f.live.contact_rate, &client, f.rq.start_ns, &wait_ns));
    assert_false(rate_take(f.api.clients, &f.live.contact_rate, &client, f.rq.start_ns, &wait_ns));
    fake_release(&f);
}

TEST(templates_of_every_reload_share_one_budget)
{
    struct slice many[24];
    char texts[24][16];
    struct fake f;

    init(&f);
    f.live.rum_pages = many;
    f.live.n_rum_pages = ARRAY_LEN(many);
    for (int reload = 0; reload < 50; reload++) {
        for (int i = 0; i < 24; i++) {
            (void)snprintf(texts[i], sizeof(texts[i]), "/r%d/p%d", reload, i);
            many[i] = slice_str(texts[i]);
        }
        api_prepare(&f.api, &f.live);
    }
    assert_int_equal(registry_series(f.api.registry, METRIC_RUM_LCP), 32);
    post(&f, "{\"page\":\"/r49/p3\",\"vitals\":[{\"name\":\"LCP\",\"value\":1}]}");
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), 1);
    assert_true(registry_overflow(f.api.registry, METRIC_RUM_LCP) > 0);
    assert_true(registry_samples(f.api.registry) <= METRICS_MAX_SAMPLES);
    fake_release(&f);
}

TEST(a_hundred_thousand_pages_are_one_series)
{
    enum { PAGES = 100000 };
    struct buf body = BUF_INIT;
    size_t samples;
    struct fake f;

    init(&f);
    samples = registry_samples(f.api.registry);
    for (unsigned i = 0; i < PAGES; i += RUM_REPORTS_MAX) {
        for (unsigned k = i; k < i + RUM_REPORTS_MAX; k++)
            buf_addf(&body, "%s{\"page\":\"/p/%u\",\"vitals\":[{\"name\":\"LCP\",\"value\":%u}]}",
                     k == i ? "[" : ",", k, k % 5000);
        buf_add_char(&body, ']');
        post(&f, buf_cstr(&body));
        assert_int_equal(f.rq.status, 200);
        buf_clear(&body);
    }
    assert_int_equal(registry_samples(f.api.registry), samples);
    assert_int_equal(observed(&f, METRIC_RUM_LCP, "other"), PAGES);
    assert_int_equal(fake_count(&f, METRIC_RECEIVED_METRICS, NULL), PAGES);
    assert_int_equal(registry_overflow(f.api.registry, METRIC_RUM_LCP), 0);
    buf_release(&body);
    fake_release(&f);
}

TEST(who_may_not_send_is_told_so_before_the_body_is_looked_at)
{
    static const struct {
        struct sent sent;
        unsigned status;
        const char *outcome, *code;
    } cases[] = {
        {{"text/plain", "https://evil.example", NULL, 1, 1},       403, "origin",     "origin_not_allowed"    },
        {{"application/json", "https://evil.example", NULL, 1, 1},
         403,                                                           "origin",
         "origin_not_allowed"                                                                                 },
        {{"text/html", NULL, NULL, 1, 0},                          415, "media_type", "unsupported_media_type"},
        {{"application/json", NULL, "gzip", 1, 0},                 415, "media_type", "unsupported_media_type"},
        {{"text/plain", "https://example.com", NULL, 1, 1},        400, "malformed",  "malformed"             },
    };
    static const struct slice bodies[] = {
        {NULL, 0},
        {"",   0},
        {"{",  1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(bodies); i++) {
        size_t k = i / ARRAY_LEN(bodies);
        struct fake f;

        init(&f);
        post_as(&f, &cases[k].sent, bodies[i % ARRAY_LEN(bodies)]);
        expect_refused(&f, cases[k].status, cases[k].code, cases[k].outcome);
        fake_release(&f);
    }
}

RUN_TESTS(T(who_may_not_send_is_told_so_before_the_body_is_looked_at),
          T(all_series_are_there_before_the_first_report),
          T(a_report_moves_every_metric_it_speaks_of),
          T(a_vital_counts_under_its_own_page_or_its_reports_or_other),
          T(the_gauge_is_the_last_memory_and_the_histogram_has_all),
          T(exemplars_carry_the_pages_correlation_id),
          T(what_was_counted_before_is_not_counted_again),
          T(ids_forgotten_too_early_are_counted),
          T(one_wrong_type_refuses_the_whole_batch_and_names_it),
          T(who_may_send_what),
          T(refusals_of_the_media_type_say_what_is_accepted),
          T(a_body_of_64_kib_is_taken_and_one_byte_more_is_not),
          T(no_body_is_malformed),
          T(each_client_has_a_limit_that_the_contact_form_does_not_share),
          T(templates_of_every_reload_share_one_budget),
          T(a_hundred_thousand_pages_are_one_series))
