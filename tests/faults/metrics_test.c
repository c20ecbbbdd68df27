/* SPDX-License-Identifier: MIT */
/*
 * The metrics page at its worst: a thousand scrapes while eight workers write, while everything else goes wrong, and after
 * a flood of values that would each like to be a label. Formats and negotiation are tests/e2e/metrics_test.c's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/sheet.h"
#include "tests/faults/lib/watch.h"

#include <signal.h>
#include <stdlib.h>

enum { MIB = 1024 * 1024 };

/* ---- many scrapes ---- */

struct series_of_scrapes {
    struct server *s;
    struct sheet last[2]; /* by format */
    size_t n, samples, bytes;
    struct stalls *stalls;
    double longest_ms, sum_ms;
    double own_ms; /* the longest without what the machine took */
};

static void release_scrapes(void *arg)
{
    struct series_of_scrapes *m = arg;

    sheet_release(&m->last[SHEET_TEXT]);
    sheet_release(&m->last[SHEET_OPENMETRICS]);
}

static struct series_of_scrapes *scrapes_new(struct server *s)
{
    struct series_of_scrapes *m = keep(s->f, sizeof(*m));

    m->s = s;
    m->stalls = stalls_of(s);
    at_end(s->f, release_scrapes, m);
    return m;
}

/* One more page, which keeps all promises; false when the port is closed. */
static bool scrape(struct series_of_scrapes *m)
{
    enum sheet_format format = m->n % 2 == 0 ? SHEET_TEXT : SHEET_OPENMETRICS;
    struct sheet now;
    double own_ms;

    stalls_begin(m->stalls);
    if (!sheet_take(m->s, format, &now))
        return false;
    own_ms = now.ms - stalls_ms(m->stalls, STALLED_MAIN);
    m->own_ms = own_ms > m->own_ms ? own_ms : m->own_ms;
    sheet_check_histograms(&now);
    sheet_check_rising(&m->last[format], &now);
    sheet_release(&m->last[format]);
    m->last[format] = now;
    m->n++;
    m->samples += now.n;
    m->bytes = now.bytes > m->bytes ? now.bytes : m->bytes;
    m->sum_ms += now.ms;
    m->longest_ms = now.ms > m->longest_ms ? now.ms : m->longest_ms;
    return true;
}

static void judge_scrapes(const struct series_of_scrapes *m)
{
    print_message("  %zu scrapes, the longest %.1f ms, its own %.1f\n", m->n, m->longest_ms,
                  m->own_ms);
    if (watch_judges())
        assert_true(m->own_ms <= SCRAPE_MAX_MS);
}

TEST(scrape_after_scrape_under_load_nothing_falls_or_tears)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "threads=8"));
    struct load *gets = load_start(s, &(struct load_options){LOAD_GET, 5, 0, 0});
    struct load *posts = load_start(s, &(struct load_options){LOAD_CONTACT, 3, 7, 0});
    struct series_of_scrapes *m = scrapes_new(s);
    size_t n = faults_long() ? 1000 : 100;
    struct load_result got, posted;
    uint64_t answered;

    while (m->n < n)
        assert_true(scrape(m));
    EVENTUALLY(load_answered(gets) > 0 && load_answered(posts) > 0);
    got = load_end(gets, false);
    posted = load_end(posts, false);
    answered = got.answered + posted.answered;
    assert_int_equal(got.failed + posted.failed, 0);
    assert_metric(s, SUBMISSIONS, (double)posted.answered);
    EVENTUALLY(metric_sum(s, "http_requests_total") >= (double)answered);
    assert_int_equal(metric_sum(s, "http_requests_total"), answered);
    judge_scrapes(m);
    promise(
        "H109",
        "Counters never fall, buckets rise, counts are their +Inf bucket; when idle all is exact",
        "scrapes in both formats while eight workers write",
        "%zu scrapes, %zu samples, %llu requests; %.1f ms on average, %.0f ms the longest", m->n,
        m->samples, (unsigned long long)answered, m->sum_ms / (double)m->n, m->longest_ms);
}

/* ---- whatever else happens ---- */

enum { LAST_SCRAPE_S = 20 };

/* All samples of the last page whose names start like this, added up. */
static double sheet_sum(const struct series_of_scrapes *m, const char *start)
{
    const struct sheet *last = &m->last[m->n % 2 == 0 ? SHEET_OPENMETRICS : SHEET_TEXT];
    double sum = 0;

    for (size_t i = 0; i < last->n; i++)
        if (strncmp(last->samples[i].key, start, strlen(start)) == 0)
            sum += last->samples[i].value;
    return sum;
}

static void scrape_through_reloads(struct series_of_scrapes *m, const char *config)
{
    for (int i = 0; i < 20; i++) {
        write_file(config,
                   i % 2 == 0 ? "contact: {rate: off}\nrum: {pages: [/a]}\n" : "contact: [\n");
        server_signal(m->s, SIGHUP);
        assert_true(scrape(m) && scrape(m));
    }
    write_file(config, "contact: {rate: off}\n");
    server_signal(m->s, SIGHUP);
    EVENTUALLY(scrape(m) && metric(m->s, "config_last_reload_successful") >= 1);
}

static void scrape_through_an_outage(struct series_of_scrapes *m)
{
    const char *lock = textf(m->s->f, "%s.lock", m->s->store), *away = in_dir(m->s->f, "away");

    assert_int_equal(rename(lock, away), 0);
    EVENTUALLY(scrape(m) && post_json(m->s, ADA)->status == 503);
    for (int i = 0; i < 20; i++)
        assert_true(scrape(m));
    assert_true(metric(m->s, "dependency_up{name=\"store\"}") <= 0);
    assert_int_equal(rename(away, lock), 0);
    EVENTUALLY(scrape(m) && post_json(m->s, ADA)->status == 201);
}

/*
 * While it drains; and when the public port is closed whoever has not scraped since the signal is waited for, and finds
 * everything that was answered.
 */
static size_t scrape_through_the_end(struct series_of_scrapes *m)
{
    struct load *load = load_start(m->s, &(struct load_options){LOAD_GET, 2, 0, 0});
    double served = metric_sum(m->s, "http_requests_total");
    uint64_t began_ns, answered;
    size_t before = m->n;

    EVENTUALLY(load_answered(load) > 0);
    server_signal(m->s, SIGTERM);
    for (int i = 0; i < 5; i++)
        assert_status(ASK_OPS(m->s, .path = "/metrics", .source = "127.0.0.2"), 200);
    answered = load_end_well(load, true); /* the public port is closed */
    clock_sleep_ms(300);
    assert_true(scrape(m));
    assert_true(sheet_sum(m, "http_requests_total{") >= served);
    assert_true(sheet_sum(m, "http_requests_total{") >= (double)answered);
    began_ns = clock_mono_ns();
    while (scrape(m))
        ;
    assert_int_equal(server_end(m->s), 0);
    assert_true(clock_mono_ns() - began_ns < LAST_SCRAPE_S / 2 * NS_PER_SEC); /* for nobody else */
    return m->n - before;
}

TEST(a_scrape_is_answered_whatever_else_happens)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    unsigned rounds = faults_long() ? 10 : 1;
    struct series_of_scrapes *m = NULL;
    size_t n = 0, at_the_end = 0;
    double longest = 0;
    struct load *load;
    struct server *s;

    write_file(config, "contact: {rate: off}\n");
    s = server_start_with(
        f, &(struct server_options){.config = config,
                                    .sets = SETS("drain.delay=500ms", "drain.last_scrape=20s")});
    for (unsigned i = 0; i < rounds; i++) {
        if (i > 0)
            server_again(s);
        m = scrapes_new(s);
        load = load_start(s, &(struct load_options){LOAD_GET, 2, 0, 0});
        scrape_through_reloads(m, config);
        (void)load_end_well(load, false);
        load = load_start(s, &(struct load_options){LOAD_GET, 2, 0, 0});
        scrape_through_an_outage(m);
        assert_true(load_end(load, false).answered > 0); /* /health says 503 meanwhile */
        judge_scrapes(m);
        at_the_end += scrape_through_the_end(m);
        n += m->n;
        longest = m->longest_ms > longest ? m->longest_ms : longest;
    }
    assert_true(at_the_end >= rounds);
    promise(
        "H110", "A scrape is answered whatever else happens, whole and rising",
        "under load during reloads of good and broken files, an outage of the store, and a drain",
        "%zu scrapes, %zu of them in a drain with the public port closed already, all whole; the "
        "longest %.0f ms",
        n, at_the_end, longest);
}

/* ---- labels ---- */

/* JSON strings, each of which some label would have to escape, or to bear. */
static const char *const hostile[] = {
    "a\\\"b",         "a\\\\b", "a\\nb", "a\\u2028b",
    "{le=\\\"1\\\"}", "# EOF",  "a b 1", "\xf0\x9f\x98\x80",
};

/* Everything in it that could become a label, different each time; about 700 bytes. */
static void add_report(struct buf *out, struct buf *body, size_t i)
{
    const char *h = hostile[i % ARRAY_LEN(hostile)];

    buf_clear(body);
    buf_addf(
        body,
        "{\"page\":\"/flood-%zu/%s\",\"page_load_time_seconds\":1,"
        "\"errors\":[{\"kind\":\"flood-%zu%s\"}],"
        "\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"id\":\"flood-%zu\",\"rating\":\"flood-%zu\"},"
        "{\"name\":\"flood-%zu%s\",\"value\":1}]}",
        i, h, i, h, i, i, i, h);
    buf_addf(
        out,
        "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
        "\r\nUser-Agent: flood-%zu\r\nX-Correlation-ID: flood-%zu\r\nContent-Length: %zu\r\n\r\n",
        i, i, body->len);
    buf_add(out, body->data, body->len);
}

/* A path with a control byte, which the guard refuses. */
static void add_refused(struct buf *out, size_t i)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE", "BREW"};

    buf_addf(out,
             "%s /flood-%zu/%%22%%0b HTTP/1.1\r\nHost: localhost\r\nReferer: flood-%zu\r\n"
             "X-Correlation-ID: flood-%zu\r\nContent-Length: 0\r\n\r\n",
             methods[i / 2048 % ARRAY_LEN(methods)], i, i, i);
}

static void add_submission(struct buf *out, struct buf *body, size_t i)
{
    buf_clear(body);
    buf_addf(body,
             "{\"name\":\"a\",\"email\":\"a@b.co\",\"message\":\"m\",\"source\":\"flood-%zu\"}", i);
    buf_addf(out,
             "POST /contact HTTP/1.1\r\nHost: flood-%zu.example\r\n" JSON_TYPE
             "\r\nContent-Length: %zu\r\n\r\n",
             i, body->len);
    buf_add(out, body->data, body->len);
}

struct flooded {
    size_t n, by_status[600];
};

/* A batch of each kind on one connection. */
static void send_batch(struct wire *w, struct buf *out, struct flooded *sum, size_t n)
{
    assert_true(wire_write(w, out->data, out->len));
    buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        struct reply r = {.status = 0};

        assert_int_equal(wire_read(w, false, &r), GOT_REPLY);
        assert_true(r.status > 0 && r.status < 500);
        sum->by_status[r.status]++;
        sum->n++;
        reply_release(&r);
    }
}

static struct flooded flood_labels(struct server *s, size_t from, size_t to)
{
    enum { BATCH = 32, SELDOM = 64 * BATCH };
    struct buf out = BUF_INIT, body = BUF_INIT;
    struct flooded sum = {.n = 0};
    struct wire *w = wire_to(s);

    for (size_t i = from; i < to;) {
        size_t asked = 0;

        for (size_t k = 0; k < BATCH; k++, i++, asked++) {
            add_report(&out, &body, i);
            buf_addf(&out, "GET /flood-%zu HTTP/1.1\r\nHost: flood-%zu\r\n\r\n", i, i);
            asked++;
        }
        add_submission(&out, &body, i);
        send_batch(w, &out, &sum, asked + 1);
        if (i % SELDOM == 0) { /* refused, and so the connection ends */
            struct wire *other = wire_to(s);

            add_refused(&out, i);
            send_batch(other, &out, &sum, 1);
            wire_close(other);
        }
    }
    buf_release(&out);
    buf_release(&body);
    return sum;
}

static size_t samples_of(const char *page)
{
    return count_of(page, "\n") - count_of(page, "\n#") - (page[0] == '#');
}

/* What else reads such pages. */
static void check_by_others(struct server *s)
{
    static const char om[] =
        "import sys\n"
        "from prometheus_client.openmetrics.parser import text_string_to_metric_families as p\n"
        "print(len(list(p(sys.stdin.read()))))\n";
    struct fixture *f = s->f;
    const char *page = page_of(s);
    const struct outcome *o = run(f, ARGS("promtool", "check", "metrics"), page);

    assert_string_equal(o->err, "");
    assert_int_equal(o->status, 0);
    page = ASK_OPS(s, .path = "/metrics",
                   .headers = HEADERS("Accept: application/openmetrics-text;version=1.0.0"))
               ->body;
    o = run(f, ARGS("/usr/bin/python3", "-c", om), page);
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, textf(f, "%zu\n", count_of(page, "# TYPE ")));
}

static void check_folded(struct server *s, const struct flooded *sum, double reports)
{
    const char *page = page_of(s);
    double stored = (double)sum->by_status[201];

    assert_int_equal(page_sum(page, "contact_submissions_total"), stored);
    assert_true(
        page_value(page, "contact_submissions_total{source=\"other\",service=\"sidelight\"}") >=
        stored - 64);
    assert_true(page_value(page, "rum_lcp_seconds_count{page=\"other\"}") >= reports);
    assert_true(page_value(page, "rum_lcp_seconds_count{page=\"other\"}") <= reports);
    assert_int_equal(page_value(page, REQUESTS("GET", "unmatched", "404")), sum->by_status[404]);
    assert_lacks(page, "/flood");
    assert_lacks(page, "a@b.co");
    assert_true(count_of(page, "flood-") <= 64); /* sources within the budget */
}

TEST(no_flood_of_values_becomes_series)
{
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("contact.rate=off", "rum.rate=off", "rum.pages=/,/blog/*"));
    size_t n = faults_long() ? 1000000 : 20000, before, after;
    struct series_of_scrapes *m = scrapes_new(s);
    struct flooded sum = {.n = 0};
    const char *page;

    assert_true(scrape(m) && scrape(m));
    before = samples_of(page_of(s));
    for (size_t part = 0; part < 10; part++) {
        struct flooded some = flood_labels(s, part * (n / 10), (part + 1) * (n / 10));

        sum.n += some.n;
        for (size_t i = 0; i < ARRAY_LEN(sum.by_status); i++)
            sum.by_status[i] += some.by_status[i];
        assert_true(scrape(m) && scrape(m));
    }
    EVENTUALLY(metric_sum(s, "http_requests_total") + metric_sum(s, "http_rejected_total") >=
               (double)sum.n);
    check_folded(s, &sum, metric(s, "received_metrics_total"));
    check_by_others(s);
    page = page_of(s);
    after = samples_of(page);
    assert_true(after <= before + 64 + 40); /* sources, and statuses that no row declares */
    assert_true((double)after <= page_value(page, "metrics_sample_limit"));
    assert_true(m->bytes < MIB);
    judge_scrapes(m);
    promise(
        "H107-H108",
        "No flood of values becomes series; totals stay right, and the page small and readable",
        "pages, vitals, kinds, sources, paths, hosts, IDs and agents, each new, with quotes, backslashes, line ends",
        "%zu requests: %zu samples before, %zu after; %zu KiB at most; the longest scrape %.0f ms",
        sum.n, before, after, m->bytes / 1024, m->longest_ms);
}

TEST(others_read_every_page_also_under_load)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    struct load *gets = load_start(s, &(struct load_options){LOAD_GET, 2, 0, 0});
    struct load *posts = load_start(s, &(struct load_options){LOAD_CONTACT, 2, 7, 0});
    unsigned n = faults_long() ? 100 : 3;

    for (unsigned i = 0; i < n; i++)
        check_by_others(s);
    assert_int_equal(load_end(gets, false).failed + load_end(posts, false).failed, 0);
    promise("H106", "promtool and client_python read every page", "both formats, under load",
            "%u pages each, 0 complaints", n);
}

RUN_TESTS(T(scrape_after_scrape_under_load_nothing_falls_or_tears),
          T(a_scrape_is_answered_whatever_else_happens),
          T(no_flood_of_values_becomes_series),
          T(others_read_every_page_also_under_load))
