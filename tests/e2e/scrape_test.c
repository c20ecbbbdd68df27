/* SPDX-License-Identifier: MIT */
/*
 * What the page promises while workers write: counters never fall, buckets rise with `le`, a count
 * is its +Inf bucket, pages are whole; and when nothing happens, two pages are the same line by
 * line.
 */
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <stdlib.h>

enum { LINES_MAX = 4000 };

struct sample {
    const char *key; /* name and labels */
    double value;
};

struct samples {
    size_t n;
    struct sample at[LINES_MAX];
};

/* Cuts a page into its samples. */
static struct samples *samples_of(struct fixture *f, const char *page)
{
    struct samples *s = keep(f, sizeof(*s));
    char *rest = keep_text(f, page, strlen(page)), *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *hash, *space;

        if (line[0] == '#' || line[0] == '\0')
            continue;
        hash = strstr(line, " # {");
        if (hash != NULL)
            *hash = '\0';
        space = strrchr(line, ' ');
        assert_non_null(space);
        *space = '\0';
        assert_true(s->n < LINES_MAX);
        s->at[s->n++] = (struct sample){line, strtod(space + 1, NULL)};
    }
    return s;
}

static bool ends_in(const char *name, size_t n, const char *tail)
{
    size_t t = strlen(tail);

    return n >= t && memcmp(name + n - t, tail, t) == 0;
}

static bool is_counting(const char *key)
{
    size_t n = strcspn(key, "{");

    return ends_in(key, n, "_total") || ends_in(key, n, "_bucket") || ends_in(key, n, "_count") ||
           ends_in(key, n, "_sum");
}

/*
 * Series come in a stable order and never go away, so `now` holds those of `before` in the same
 * order.
 */
static void assert_never_falls(const struct samples *before, const struct samples *now)
{
    size_t k = 0;

    for (size_t i = 0; i < before->n; i++) {
        while (k < now->n && strcmp(now->at[k].key, before->at[i].key) != 0)
            k++;
        if (k == now->n)
            fail_msg("%s went away or moved", before->at[i].key);
        if (is_counting(before->at[i].key) && now->at[k].value < before->at[i].value)
            fail_msg("%s fell from %g to %g", before->at[i].key, before->at[i].value,
                     now->at[k].value);
    }
}

/* Buckets, sum and count of a series stand one behind the other. */
static void assert_histograms_hold(const struct samples *s)
{
    size_t histograms = 0;

    for (size_t i = 0; i < s->n; i++) {
        const char *key = s->at[i].key;

        if (!ends_in(key, strcspn(key, "{"), "_bucket"))
            continue;
        if (strstr(key, "le=\"+Inf\"}") == NULL) {
            assert_true(s->at[i].value <= s->at[i + 1].value);
            continue;
        }
        assert_true(ends_in(s->at[i + 1].key, strcspn(s->at[i + 1].key, "{"), "_sum"));
        assert_true(ends_in(s->at[i + 2].key, strcspn(s->at[i + 2].key, "{"), "_count"));
        assert_true(s->at[i].value >= s->at[i + 2].value && s->at[i].value <= s->at[i + 2].value);
        histograms++;
    }
    assert_true(histograms > 10);
}

TEST(pages_hold_their_promises_while_workers_write)
{
    enum { PAGES = 100 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "threads=3"));
    struct load *gets = load_start(s, &(struct load_options){LOAD_GET, 3, 0, 0});
    struct load *posts = load_start(s, &(struct load_options){LOAD_CONTACT, 2, 7, 0});
    const struct samples *before = samples_of(f, page_of(s));
    struct load_result got, posted;

    for (int i = 0; i < PAGES; i++) {
        bool om = i % 2 == 0;
        const struct reply *r =
            ASK_OPS(s, .path = "/metrics", .gzip = i % 3 == 0,
                    .headers = om ? HEADERS("Accept: application/openmetrics-text") : NULL);
        const struct samples *now = samples_of(f, r->body);

        assert_status(r, 200);
        assert_true(r->body[r->body_len - 1] == '\n');
        assert_int_equal(ends_in(r->body, r->body_len, "# EOF\n"), om);
        assert_histograms_hold(now);
        assert_never_falls(before, now);
        before = now;
    }
    EVENTUALLY(load_answered(gets) > 0 && load_answered(posts) > 0);
    got = load_end(gets, false);
    posted = load_end(posts, false);
    assert_int_equal(got.failed + posted.failed, 0);
    assert_metric(s, SUBMISSIONS, (double)posted.answered);
    assert_metric(s, REQUESTS("POST", "/contact", "201"), (double)posted.answered);
    assert_metric(s, "http_request_duration_seconds_count{method=\"POST\",endpoint=\"/contact\"}",
                  (double)posted.answered);
    EVENTUALLY(metric_sum(s, "http_requests_total") >= (double)(got.answered + posted.answered));
    assert_true(metric_sum(s, "http_requests_total") <= (double)(got.answered + posted.answered));
    print_message("  %llu GET and %llu POST during %d scrapes\n", (unsigned long long)got.answered,
                  (unsigned long long)posted.answered, PAGES);
}

/* What changes with time or by the scrape itself. */
static bool is_restless(const char *line)
{
    static const char *const starts[] = {"process_", "event_loop_lag_seconds", "metrics_handler_",
                                         "log_lines_total", "store_probe_seconds"};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (strncmp(line, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static char *copy_page(struct server *s)
{
    const char *page = page_of(s);

    return keep_text(s->f, page, strlen(page));
}

TEST(two_pages_of_an_idle_server_are_the_same_line_by_line)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    char *a, *b, *line_a, *line_b;
    size_t n = 0;

    assert_status(get(s, "/contact"), 200);
    assert_status(post_json(s, ADA), 201);
    assert_metric(s, SUBMISSIONS, 1);
    EVENTUALLY(metric_sum(s, "worker_connections") <= 0);
    a = copy_page(s);
    b = copy_page(s);
    while ((line_a = strsep(&a, "\n")) != NULL && (line_b = strsep(&b, "\n")) != NULL)
        if (!is_restless(line_a)) {
            assert_string_equal(line_a, line_b);
            n++;
        }
    assert_null(line_a);
    assert_null(b);
    assert_true(n > 500);
}

TEST(scrapes_overlap_without_tearing)
{
    enum { N = 6 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w[N];

    for (int i = 0; i < N; i++)
        w[i] = wire_to_ops(s);
    for (int i = 0; i < N; i++)
        wire_send(w[i], "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                        "Accept: application/openmetrics-text\r\n\r\n");
    for (int i = 0; i < N; i++) {
        const struct reply *r = wire_reply(f, w[i]);

        assert_true(ends_in(r->body, r->body_len, "# EOF\n"));
        assert_histograms_hold(samples_of(f, r->body));
    }
    assert_metric(s, "metrics_handler_requests_in_flight", 1); /* the one that asks */
}

TEST(scrapers_that_do_not_read_are_bounded_and_hold_nobody_up)
{
    enum { N = 8, EACH = 300 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w[N];
    const struct reply *r;

    /* More pages than the kernel buffers: each connection ends up with one that can't leave. */
    for (int i = 0; i < N; i++) {
        w[i] = wire_to_ops(s);
        for (int k = 0; k < EACH; k++)
            wire_send(w[i], "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    EVENTUALLY(get_ops(s, "/metrics")->status == 503);
    r = get_ops(s, "/metrics");
    assert_error(f, r, 503, "too_many_scrapes");
    assert_non_null(reply_field(r, "retry-after"));
    assert_status(get(s, "/health"), 200);
    assert_status(get_ops(s, "/health"), 200);
    for (int i = 0; i < N; i++)
        wire_close(w[i]);
    EVENTUALLY(get_ops(s, "/metrics")->status == 200);
    assert_true(metric(s, "metrics_handler_requests_total{code=\"503\"}") >= 2);
}

TEST(a_scrape_leaves_the_public_counters_alone)
{
    struct server *s = server_start(*state, NULL);

    (void)page_of(s);
    (void)page_of(s);
    assert_true(metric_sum(s, "http_requests_total") <= 0);
    assert_metric(s, "connections_accepted_total", 0);
    assert_true(metric(s, "metrics_handler_requests_total{code=\"200\"}") >= 4);
    assert_true(metric(s, "metrics_handler_response_bytes_total") > 10000);
    assert_true(metric(s, "metrics_handler_duration_seconds_count") >= 5);
}

RUN_TESTS(T(pages_hold_their_promises_while_workers_write),
          T(two_pages_of_an_idle_server_are_the_same_line_by_line),
          T(scrapes_overlap_without_tearing),
          T(scrapers_that_do_not_read_are_bounded_and_hold_nobody_up),
          T(a_scrape_leaves_the_public_counters_alone))
