/* SPDX-License-Identifier: MIT */
/* GET /api/metrics: what it shows of a report and what it never does, how many, and to whom. */
#include "api/rum.h"
#include "tests/unit/api/fake.h"

static const struct slice pages[] = {
    {"/blog/*", 7}
};

static void init(struct fake *f)
{
    fake_init(f);
    f->live.rum_pages = pages;
    f->live.n_rum_pages = ARRAY_LEN(pages);
}

static void post(struct fake *f, const char *body)
{
    fake_request(f, HTTP_POST);
    f->rq.head.content_type = SLICE_LIT("application/json");
    f->rq.body = slice_str(body);
    rum_post(&f->rq, &f->api);
    assert_int_equal(f->rq.status, 200);
}

static void finish(struct fake *f)
{
    if (f->rq.on_finish != NULL)
        f->rq.on_finish(f->rq.on_finish_arg, true);
    f->rq.on_finish = NULL;
}

/* The answer can be looked at, though it counts as sent. */
static void list(struct fake *f, struct slice query)
{
    fake_request(f, HTTP_GET);
    f->rq.head.query = query;
    rum_get(&f->rq, &f->api);
    finish(f);
    expect_header(f, "cache-control", "no-store");
    assert_true(slice_eq(f->rq.content_type, SLICE_LIT("application/json")));
}

static void expect_list(struct fake *f, const char *reports, const char *rest)
{
    struct buf b = BUF_INIT;

    list(f, SLICE_NONE);
    buf_addf(&b, "{\"metrics\":[%s],%s}", reports, rest);
    expect_answer(f, 200, buf_cstr(&b));
    buf_release(&b);
}

TEST(an_empty_list_is_a_list)
{
    struct fake f;

    init(&f);
    expect_list(&f, "", "\"kept\":0,\"limit\":1000");
    fake_release(&f);
}

TEST(a_report_is_shown_as_it_was_counted)
{
    struct fake f;

    init(&f);
    post(&f,
         "{\"page\":\"/blog/secret-draft\",\"page_load_time_seconds\":1.25,"
         "\"memory_usage_bytes\":10000000,\"unknown\":\"secret\",\"errors\":[{\"kind\":\"secret\"},"
         "{\"kind\":\"error\"},{\"kind\":\"error\"}],\"vitals\":["
         "{\"name\":\"LCP\",\"value\":2500.75,\"id\":\"secret-1\",\"rating\":\"good\"},"
         "{\"name\":\"LCP\",\"value\":1,\"id\":\"secret-1\"},"
         "{\"name\":\"CLS\",\"value\":0.1,\"page\":\"/secret\"},{\"name\":\"secret\",\"value\":1}],"
         "\"correlation_id\":\"view-1\"}");
    expect_list(&f,
                "{\"received_at\":\"2025-10-09T08:53:20.123Z\",\"page\":\"/blog/*\","
                "\"page_load_time_seconds\":1.25,\"memory_usage_bytes\":10000000,"
                "\"errors\":{\"error\":2,\"other\":1},\"vitals\":["
                "{\"name\":\"LCP\",\"value\":2500.75,\"rating\":\"needs-improvement\"},"
                "{\"name\":\"CLS\",\"value\":0.1,\"rating\":\"good\",\"page\":\"other\"}],"
                "\"correlation_id\":\"view-1\"}",
                "\"kept\":1,\"limit\":1000");
    assert_false(answer_has(&f, "secret"));
    fake_release(&f);
}

TEST(what_is_absent_is_left_out_and_duplicates_are_not_shown)
{
    struct fake f;

    init(&f);
    post(&f, "{\"page\":\"/x\",\"vitals\":[{\"name\":\"INP\",\"value\":501,\"id\":\"a\"}]}");
    post(&f, "{\"page\":\"/x\",\"vitals\":[{\"name\":\"INP\",\"value\":501,\"id\":\"a\"}]}");
    post(&f, "{}");
    expect_list(&f,
                "{\"received_at\":\"2025-10-09T08:53:20.123Z\",\"page\":\"other\",\"errors\":{},"
                "\"vitals\":[]},"
                "{\"received_at\":\"2025-10-09T08:53:20.123Z\",\"page\":\"other\",\"errors\":{},"
                "\"vitals\":[{\"name\":\"INP\",\"value\":501,\"rating\":\"poor\"}]}",
                "\"kept\":2,\"limit\":1000");
    fake_release(&f);
}

static size_t shown(const struct fake *f)
{
    const char part[] = "\"received_at\"", *p = f->rq.answer.p, *end = p + f->rq.answer.n;
    size_t n = 0;

    while ((p = memmem(p, (size_t)(end - p), part, sizeof(part) - 1)) != NULL) {
        n++;
        p++;
    }
    return n;
}

TEST(limit_shows_the_newest_of_them)
{
    static const struct {
        const char *query;
        size_t shown; /* 0: refused */
    } cases[] = {
        {"",                5},
        {"limit=1",         1},
        {"limit=4",         4},
        {"limit=5",         5},
        {"limit=10000",     5},
        {"limit=2&limit=3", 3},
        {"x=1&limit=2&y",   2},
        {"limits=2",        5},
        {"limit=0",         0},
        {"limit=10001",     0},
        {"limit=",          0},
        {"limit",           0},
        {"limit=-1",        0},
        {"limit=1x",        0},
        {"limit=%31",       0},
        {"limit=2&limit=x", 0},
    };
    struct fake f;

    init(&f);
    for (int i = 0; i < 5; i++)
        post(&f, i == 4 ? "{\"memory_usage_bytes\":4}" : "{}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list(&f, slice_str(cases[i].query));
        assert_int_equal(f.rq.status, cases[i].shown > 0 ? 200 : 400);
        assert_int_equal(shown(&f), cases[i].shown);
        assert_int_equal(answer_has(&f, "\"memory_usage_bytes\":4"), cases[i].shown > 0);
        assert_int_equal(answer_has(&f, "\"kept\":5,\"limit\":1000"), cases[i].shown > 0);
        assert_int_equal(answer_has(&f, "\"code\":\"bad_query\""), cases[i].shown == 0);
    }
    fake_release(&f);
}

TEST(no_more_than_a_thousand_are_kept)
{
    const struct slice all = SLICE_LIT("limit=10000");
    struct fake f;

    init(&f);
    for (int i = 0; i < 1000; i++)
        post(&f, "{}");
    list(&f, all);
    assert_int_equal(shown(&f), 1000);
    post(&f, "{\"memory_usage_bytes\":4}");
    list(&f, all);
    assert_int_equal(shown(&f), 1000);
    assert_true(answer_has(&f, "\"kept\":1000,\"limit\":1000}"));
    fake_release(&f);
}

TEST(a_hundred_are_shown_unless_more_are_asked_for)
{
    struct fake f;

    init(&f);
    for (size_t i = 0; i < RUM_LIST_DEFAULT + 1; i++) {
        post(&f, "{}");
        list(&f, SLICE_NONE);
        assert_int_equal(shown(&f), i < RUM_LIST_DEFAULT ? i + 1 : RUM_LIST_DEFAULT);
    }
    assert_true(answer_has(&f, "\"kept\":101,\"limit\":1000}"));
    list(&f, SLICE_LIT("limit=101"));
    assert_int_equal(shown(&f), 101);
    fake_release(&f);
}

/* A kept text of `n` bytes. */
static void keep(struct fake *f, size_t n)
{
    char *text = test_malloc(n);

    memset(text, 'x', n);
    rum_recent_add(rum_recent_of(f->api.rum), (struct slice){text, n});
    test_free(text);
}

TEST(a_list_of_one_mib_is_whole_and_with_one_byte_more_truncated)
{
    enum { EACH = 8192, N = RUM_LIST_BYTES_MAX / EACH };
    const struct slice all = SLICE_LIT("limit=10000");
    size_t whole;
    struct fake f;

    init(&f);
    for (size_t i = 0; i < N; i++)
        keep(&f, EACH - 1); /* and a comma */
    list(&f, all);
    assert_true(answer_has(&f, "],\"kept\":128,\"limit\":1000}"));
    assert_false(answer_has(&f, "truncated"));
    assert_true(f.rq.answer.n > RUM_LIST_BYTES_MAX);
    whole = f.rq.answer.n;
    fake_release(&f);
    init(&f);
    keep(&f, EACH);
    for (size_t i = 1; i < N; i++)
        keep(&f, EACH - 1);
    list(&f, all);
    assert_int_equal(f.rq.status, 200);
    assert_true(answer_has(&f, "],\"kept\":128,\"limit\":1000,\"truncated\":true}"));
    assert_int_equal(f.rq.answer.n, whole - EACH + strlen(",\"truncated\":true"));
    /* Fewer were asked for: that is no truncation. */
    list(&f, SLICE_LIT("limit=127"));
    assert_false(answer_has(&f, "truncated"));
    fake_release(&f);
}

TEST(slow_readers_hold_a_bounded_number_of_lists)
{
    struct request held[RUM_LISTS_MAX];
    struct fake f;

    init(&f);
    for (size_t i = 0; i < RUM_LISTS_MAX; i++) {
        held[i] = f.rq; /* the same memory goes on, as all of these are under way */
        rum_get(&held[i], &f.api);
        assert_int_equal(held[i].status, 200);
    }
    assert_int_equal(fake_count(&f, METRIC_RUM_LISTS_REFUSED, NULL), 0);
    f.sent = 0;
    rum_get(&f.rq, &f.api);
    assert_int_equal(f.rq.status, 503);
    assert_null(f.rq.on_finish);
    expect_header(&f, "retry-after", "1");
    expect_header(&f, "cache-control", "no-store");
    assert_true(answer_has(&f, "\"code\":\"too_many_lists\""));
    assert_int_equal(fake_count(&f, METRIC_RUM_LISTS_REFUSED, NULL), 1);
    /* What is refused for its query takes no place, and gives none back. */
    list(&f, SLICE_LIT("limit=0"));
    assert_int_equal(f.rq.status, 400);
    for (size_t i = 0; i < 2; i++) {
        held[0].on_finish(held[0].on_finish_arg, i == 0);
        held[0] = f.rq;
        held[0].n_headers = 0;
        held[0].status = 0;
        held[0].head.query = SLICE_NONE;
        rum_get(&held[0], &f.api);
        assert_int_equal(held[0].status, 200);
    }
    for (size_t i = 0; i < RUM_LISTS_MAX; i++)
        held[i].on_finish(held[i].on_finish_arg, true);
    list(&f, SLICE_NONE);
    assert_int_equal(f.rq.status, 200);
    assert_int_equal(fake_count(&f, METRIC_RUM_LISTS_REFUSED, NULL), 1);
    fake_release(&f);
}

TEST(the_largest_report_takes_8_kib_at_most)
{
    struct rum_report r = {.n_vitals = RUM_VITALS_MAX, .has_load = true, .has_memory = true};
    char page[128], id[CORRELATION_ID_MAX];
    const struct slice template = {page, sizeof(page)};
    struct buf out = BUF_INIT;

    memset(page, '/', sizeof(page));
    memset(id, 'a', sizeof(id));
    r.label = SLICE_LIT("other");
    r.correlation_id = (struct slice){id, sizeof(id)};
    r.load_ns = UINT64_C(599999999999);
    r.memory_bytes = UINT64_C(68719476735);
    for (size_t i = 0; i < RUM_ERRORS; i++)
        r.errors[i] = RUM_ERRORS_MAX;
    for (size_t i = 0; i < RUM_VITALS_MAX; i++)
        r.vitals[i] =
            (struct rum_vital){.name = RUM_LCP, .value = UINT64_C(3999999999), .label = template};
    rum_list_add(&r, UINT64_C(1760000000123), &out);
    assert_in_range(out.len, 6000, 8192);
    buf_release(&out);
}

TEST(the_public_port_shows_it_when_told_to)
{
    struct fake f;

    init(&f);
    assert_false(rum_open(&f.rq, &f.api));
    f.live.rum_public_read = true;
    assert_true(rum_open(&f.rq, &f.api));
    fake_release(&f);
}

RUN_TESTS(T(an_empty_list_is_a_list),
          T(a_report_is_shown_as_it_was_counted),
          T(what_is_absent_is_left_out_and_duplicates_are_not_shown),
          T(limit_shows_the_newest_of_them),
          T(no_more_than_a_thousand_are_kept),
          T(a_hundred_are_shown_unless_more_are_asked_for),
          T(a_list_of_one_mib_is_whole_and_with_one_byte_more_truncated),
          T(slow_readers_hold_a_bounded_number_of_lists),
          T(the_largest_report_takes_8_kib_at_most),
          T(the_public_port_shows_it_when_told_to))
