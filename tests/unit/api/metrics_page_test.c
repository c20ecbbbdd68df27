/* SPDX-License-Identifier: MIT */
/* GET /metrics around the page: format, coding, filter, the bound on slow readers, and who has had a last scrape. */
#include "tests/unit/api/fake.h"

#include "api/metrics_page.h"
#include "metrics/exposition.h"

#define ZLIB_CONST
#include <zlib.h>

static void scrape(struct fake *f, const char *query)
{
    fake_request(f, HTTP_GET);
    f->rq.head.query = query != NULL ? slice_str(query) : SLICE_NONE;
    metrics_get(&f->rq, &f->api);
    assert_int_equal(f->sent, 1);
}

static void finish(struct fake *f, bool sent)
{
    assert_non_null(f->rq.on_finish);
    f->rq.on_finish(f->rq.on_finish_arg, sent);
}

/* The answer, uncompressed, NUL-terminated. */
static char *unzip(const struct fake *f)
{
    const size_t room = 1 << 20;
    char *text = must_calloc(1, room);
    z_stream z = {0};

    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    z.next_in = (const unsigned char *)f->rq.answer.p;
    z.avail_in = (unsigned)f->rq.answer.n;
    z.next_out = (unsigned char *)text;
    z.avail_out = (unsigned)room - 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    (void)inflateEnd(&z);
    return text;
}

TEST(a_page_comes_with_what_scrapers_read)
{
    struct fake f;

    fake_init(&f);
    scrape(&f, NULL);
    assert_int_equal(f.rq.status, 200);
    assert_true(slice_eq(f.rq.content_type, slice_str(exposition_content_type(EXPOSITION_TEXT))));
    expect_header(&f, "cache-control", "no-store");
    expect_header(&f, "vary", "Accept, Accept-Encoding");
    expect_header(&f, "process-start-time-unix", "1760000000");
    assert_null(fake_header(&f, "content-encoding"));
    assert_true(answer_has(&f, "\ncontact_rejections_total{reason=\"store\"} 0\n"));
    assert_true(answer_has(&f, "\nmetrics_handler_requests_in_flight 1\n"));
    assert_true(answer_has(&f, "\nmetrics_handler_requests_total{code=\"503\"} 0\n"));
    assert_int_equal(fake_count(&f, METRIC_HANDLER_REQUESTS, "200"), 1);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_BYTES, NULL), f.rq.answer.n);
    finish(&f, true);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_IN_FLIGHT, NULL), 0);
    fake_release(&f);
}

TEST(openmetrics_is_given_to_who_asks)
{
    struct fake f;

    fake_init(&f);
    f.rq.head.accept = SLICE_LIT("application/openmetrics-text;version=1.0.0");
    metrics_get(&f.rq, &f.api);
    assert_true(
        slice_eq(f.rq.content_type, slice_str(exposition_content_type(EXPOSITION_OPENMETRICS))));
    assert_true(f.rq.answer.n > 6);
    assert_memory_equal(f.rq.answer.p + f.rq.answer.n - 6, "# EOF\n", 6);
    finish(&f, true);
    fake_release(&f);
}

TEST(a_compressed_page_is_the_same_page)
{
    struct fake f;
    char *text;

    fake_init(&f);
    f.rq.head.accept_encoding = SLICE_LIT("gzip");
    metrics_get(&f.rq, &f.api);
    expect_header(&f, "content-encoding", "gzip");
    expect_header(&f, "vary", "Accept, Accept-Encoding");
    text = unzip(&f);
    assert_non_null(strstr(text, "\ncontact_rejections_total{reason=\"store\"} 0\n"));
    free(text);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_BYTES, NULL), f.rq.answer.n);
    finish(&f, true);
    fake_release(&f);
}

TEST(a_small_page_is_not_compressed)
{
    struct fake f;

    fake_init(&f);
    f.rq.head.accept_encoding = SLICE_LIT("gzip");
    f.rq.head.query = SLICE_LIT("name[]=sidelight_draining");
    metrics_get(&f.rq, &f.api);
    assert_true(f.rq.answer.n < PAGE_GZIP_MIN);
    assert_null(fake_header(&f, "content-encoding"));
    expect_header(&f, "vary", "Accept, Accept-Encoding");
    finish(&f, true);
    fake_release(&f);
}

TEST(names_filter_the_page)
{
    static const char *const queries[] = {
        "name[]=contact_rejections_total&name[]=contact_replays_total",
        "name%5B%5D=contact_rejections_total&name%5b%5d=contact_replays_total",
        "x=%41&name[]=contact%5Frejections_total&&y&name[]=contact_replays_total",
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        scrape(&f, queries[i]);
        assert_int_equal(f.rq.status, 200);
        assert_true(answer_has(&f, "# TYPE contact_rejections_total counter\n"));
        assert_true(answer_has(&f, "# TYPE contact_replays_total counter\n"));
        assert_false(answer_has(&f, "metrics_handler"));
        finish(&f, true);
    }
    scrape(&f, "name=contact_rejections_total&foo[]=x");
    assert_true(answer_has(&f, "metrics_handler"));
    finish(&f, true);
    scrape(&f, "name[]=no_such_metric");
    assert_false(answer_has(&f, "# TYPE"));
    finish(&f, true);
    fake_release(&f);
}

TEST(a_query_that_cannot_be_read_is_400)
{
    static const char *const queries[] = {"name[]=%", "name[]=a&name[]=%zz", "%=x", "a%4=b"};
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        scrape(&f, queries[i]);
        assert_int_equal(f.rq.status, 400);
        assert_true(answer_has(&f, "\"code\":\"bad_query\""));
        assert_null(f.rq.on_finish);
    }
    assert_int_equal(fake_count(&f, METRIC_HANDLER_REQUESTS, "400"), ARRAY_LEN(queries));
    fake_release(&f);
}

TEST(as_many_names_as_fit_the_filter)
{
    struct buf b = BUF_INIT;
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < EXPOSITION_NAMES_MAX; i++)
        buf_add_str(&b, "name[]=x&");
    scrape(&f, buf_cstr(&b));
    assert_int_equal(f.rq.status, 200);
    finish(&f, true);
    buf_add_str(&b, "name[]=x");
    scrape(&f, buf_cstr(&b));
    assert_int_equal(f.rq.status, 400);
    buf_release(&b);
    fake_release(&f);
}

TEST(slow_readers_hold_a_bounded_number_of_pages)
{
    struct fake f;
    finish_fn *fn[PAGES_MAX];
    void *arg[PAGES_MAX];
    struct request rq;

    fake_init(&f);
    for (size_t i = 0; i < PAGES_MAX; i++) {
        rq = f.rq; /* the same memory goes on, as all of these are under way */
        f.sent = 0;
        metrics_get(&rq, &f.api);
        assert_int_equal(rq.status, 200);
        fn[i] = rq.on_finish;
        arg[i] = rq.on_finish_arg;
    }
    assert_int_equal(fake_count(&f, METRIC_HANDLER_IN_FLIGHT, NULL), PAGES_MAX);
    rq = f.rq;
    metrics_get(&rq, &f.api);
    assert_int_equal(rq.status, 503);
    assert_null(rq.on_finish);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_REQUESTS, "503"), 1);
    fn[0](arg[0], false);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_IN_FLIGHT, NULL), PAGES_MAX - 1);
    rq = f.rq;
    metrics_get(&rq, &f.api);
    assert_int_equal(rq.status, 200);
    fn[0] = rq.on_finish;
    arg[0] = rq.on_finish_arg;
    for (size_t i = 0; i < PAGES_MAX; i++)
        fn[i](arg[i], true);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_IN_FLIGHT, NULL), 0);
    fake_release(&f);
}

/* Its memory is lent to the answer: the next page must be written elsewhere. */
TEST(a_page_that_is_still_read_stays_as_it_was)
{
    static const char *const codings[] = {"", "gzip"};

    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        struct request slow, quick;
        struct fake f;

        fake_init(&f);
        f.rq.head.accept_encoding = slice_str(codings[i]);
        slow = quick = f.rq;
        metrics_get(&slow, &f.api);
        char *was = must_calloc(1, slow.answer.n);
        memcpy(was, slow.answer.p, slow.answer.n);
        metrics_get(&quick, &f.api); /* which shows another number of scrapes */
        assert_ptr_not_equal(slow.answer.p, quick.answer.p);
        assert_memory_equal(slow.answer.p, was, slow.answer.n);
        quick.on_finish(quick.on_finish_arg, true);
        assert_memory_equal(slow.answer.p, was, slow.answer.n);
        free(was);
        slow.on_finish(slow.on_finish_arg, true);
        fake_release(&f);
    }
}

TEST(scrapes_in_turn_use_the_same_memory)
{
    struct fake f;
    const char *first;

    fake_init(&f);
    scrape(&f, NULL);
    first = f.rq.answer.p;
    finish(&f, true);
    scrape(&f, NULL);
    assert_ptr_equal(f.rq.answer.p, first);
    finish(&f, true);
    fake_release(&f);
}

TEST(a_refused_scrape_says_when_to_come_again)
{
    struct request held[PAGES_MAX];
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < PAGES_MAX; i++) {
        held[i] = f.rq;
        metrics_get(&held[i], &f.api);
    }
    f.sent = 0;
    metrics_get(&f.rq, &f.api);
    assert_int_equal(f.rq.status, 503);
    expect_header(&f, "retry-after", "1");
    expect_header(&f, "cache-control", "no-store");
    assert_true(answer_has(&f, "\"code\":\"too_many_scrapes\""));
    for (size_t i = 0; i < PAGES_MAX; i++)
        held[i].on_finish(held[i].on_finish_arg, true);
    fake_release(&f);
}

TEST(head_is_counted_but_is_no_scrape)
{
    struct fake f;

    fake_init(&f);
    fake_request(&f, HTTP_HEAD);
    metrics_get(&f.rq, &f.api);
    assert_int_equal(f.rq.status, 200);
    assert_true(f.rq.answer.n > 0); /* its length is told */
    finish(&f, true);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_REQUESTS, "200"), 1);
    assert_int_equal(fake_count(&f, METRIC_HANDLER_BYTES, NULL), 0);
    assert_int_equal(api_scrapers_waiting(&f.api, clock_mono_ns()), 0);
    fake_release(&f);
}

/* A whole page to client number `n`. */
static void scrape_as(struct fake *f, uint8_t n, bool sent)
{
    fake_request(f, HTTP_GET);
    f->rq.client.b[15] = n;
    metrics_get(&f->rq, &f->api);
    finish(f, sent);
}

TEST(a_drain_waits_for_those_who_scraped_before_and_not_since)
{
    uint64_t drain_ns;
    struct fake f;

    fake_init(&f);
    assert_int_equal(api_scrapers_waiting(&f.api, clock_mono_ns()), 0);
    scrape_as(&f, 1, true);
    scrape_as(&f, 1, true);
    scrape_as(&f, 2, true);
    scrape_as(&f, 3, false); /* never had a page */
    drain_ns = clock_mono_ns() + 1;
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns), 2);
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns + 61 * NS_PER_SEC), 0); /* long gone */
    while (clock_mono_ns() < drain_ns)
        ;
    scrape_as(&f, 1, false);
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns), 2);
    scrape_as(&f, 1, true);
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns), 1);
    scrape_as(&f, 4, true); /* a new one after the start of the drain */
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns), 1);
    scrape_as(&f, 2, true);
    assert_int_equal(api_scrapers_waiting(&f.api, drain_ns), 0);
    fake_release(&f);
}

TEST(the_scraper_that_came_longest_ago_is_forgotten)
{
    struct fake f;

    fake_init(&f);
    for (unsigned i = 0; i < SCRAPERS_MAX + 5; i++)
        scrape_as(&f, (uint8_t)i, true);
    assert_int_equal(api_scrapers_waiting(&f.api, clock_mono_ns() + 1), SCRAPERS_MAX);
    fake_release(&f);
}

RUN_TESTS(T(a_page_comes_with_what_scrapers_read),
          T(openmetrics_is_given_to_who_asks),
          T(a_compressed_page_is_the_same_page),
          T(a_small_page_is_not_compressed),
          T(names_filter_the_page),
          T(a_query_that_cannot_be_read_is_400),
          T(as_many_names_as_fit_the_filter),
          T(slow_readers_hold_a_bounded_number_of_pages),
          T(a_page_that_is_still_read_stays_as_it_was),
          T(scrapes_in_turn_use_the_same_memory),
          T(a_refused_scrape_says_when_to_come_again),
          T(head_is_counted_but_is_no_scrape),
          T(a_drain_waits_for_those_who_scraped_before_and_not_since),
          T(the_scraper_that_came_longest_ago_is_forgotten))
