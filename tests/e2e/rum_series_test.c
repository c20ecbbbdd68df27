/* SPDX-License-Identifier: MIT */
/*
 * How far browser metrics may be pushed: a million different pages make no series, and what the page holds at its largest is
 * read as it stands by those who will read it.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 50, MIB = 1024 * 1024 };

/* A sanitizer makes it ten times as slow. */
static unsigned distinct_pages(void)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    return variant != NULL && strcmp(variant, "dev") == 0 ? 1000000 : 20000;
}

/* One request with the pages from `first` on: LCP of 1 ms each, so that the sum is exact. */
static void add_request(struct buf *out, struct buf *body, unsigned first)
{
    buf_clear(body);
    for (unsigned i = first; i < first + BATCH; i++)
        buf_addf(body, "%c{\"page\":\"/user/%u\",\"vitals\":[{\"name\":\"LCP\",\"value\":1}]}",
                 i == first ? '[' : ',', i);
    buf_add_char(body, ']');
    buf_addf(out,
             "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             body->len);
    buf_add(out, body->data, body->len);
}

TEST(a_million_different_pages_are_one_series)
{
    enum { AT_ONCE = 20 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("rum.rate=off", "rum.pages=/,/blog/*"));
    const char *series = "metrics_series{family=\"rum_lcp_seconds\"}";
    struct buf out = BUF_INIT, body = BUF_INIT;
    struct wire *w = wire_to(s);
    unsigned n = distinct_pages();
    double lines = (double)count_of(page_of(s), "\n"), before = metric(s, series);
    const char *page;

    for (unsigned i = 0; i < n;) {
        unsigned end = i + AT_ONCE * BATCH;

        buf_clear(&out);
        for (; i < end; i += BATCH)
            add_request(&out, &body, i);
        assert_true(wire_write(w, out.data, out.len));
        for (int k = 0; k < AT_ONCE; k++) {
            struct reply r = {.status = 0};

            assert_int_equal(wire_read(w, false, &r), GOT_REPLY);
            assert_status(&r, 200);
            reply_release(&r);
        }
    }
    buf_release(&out);
    buf_release(&body);
    assert_metric(s, "received_metrics_total", n);
    page = page_of(s);
    assert_true(page_value(page, "rum_lcp_seconds_count{page=\"other\"}") == n);
    assert_true(page_value(page, "rum_lcp_seconds_sum{page=\"other\"}") == n / 1000.0);
    assert_true(page_value(page, "rum_lcp_seconds_bucket{page=\"other\",le=\"0.5\"}") == n);
    assert_true(page_value(page, "rum_reports_total{outcome=\"accepted\"}") == n);
    assert_true(page_value(page, series) == before);
    assert_true((double)count_of(page, "\n") <=
                lines + 20); /* routes' series that were not declared */
    assert_true(strlen(page) < MIB);
    assert_lacks(page, "/user/");
    print_message("  %u pages: %zu bytes of metrics, %.0f series of LCP\n", n, strlen(page),
                  before);
}

/* As many templates as there may be, each reported once for each vital. */
static struct server *start_full(struct fixture *f)
{
    struct buf pages = BUF_INIT;
    struct server *s;

    for (int i = 0; i < 24; i++)
        buf_addf(&pages, "%s/section-%d/*", i > 0 ? "," : "rum.pages=", i);
    s = server_start(f, SETS("rum.rate=off", keep_text(f, buf_cstr(&pages), pages.len)));
    buf_release(&pages);
    for (int i = 0; i < 24; i++) {
        const char *body =
            textf(f,
                  "{\"page\":\"/section-%d/x\",\"page_load_time_seconds\":%d,"
                  "\"memory_usage_bytes\":%d,\"correlation_id\":\"c-%d\",\"vitals\":["
                  "{\"name\":\"LCP\",\"value\":%d},{\"name\":\"INP\",\"value\":%d},"
                  "{\"name\":\"CLS\",\"value\":0.%d},{\"name\":\"FCP\",\"value\":%d},"
                  "{\"name\":\"TTFB\",\"value\":%d}]}",
                  i, i + 1, 40000000 * i + 1, i, 300 * i, 30 * i, i, 200 * i, 90 * i);

        assert_status(ASK(s, .path = "/api/metrics", .body = body, .headers = HEADERS(JSON_TYPE)),
                      200);
    }
    assert_metric(s, "received_metrics_total", 24);
    return s;
}

TEST(the_fullest_page_stays_below_the_limits_of_a_scrape)
{
    struct server *s = start_full(*state);
    const char *page = page_of(s);
    size_t samples = count_of(page, "\n") - count_of(page, "\n#");

    assert_true(page_value(page, "metrics_series{family=\"rum_ttfb_seconds\"}") == 25);
    assert_true((double)samples <= page_value(page, "metrics_sample_limit"));
    assert_true(page_sum(page, "metrics_label_overflow_total") == 0);
    assert_true(strlen(page) < MIB);
    print_message("  %zu samples, %zu bytes\n", samples, strlen(page));
}

TEST(promtool_and_the_parsers_of_client_python_accept_it)
{
    static const char read_om[] =
        "import sys\n"
        "from prometheus_client.openmetrics.parser import text_string_to_metric_families as p\n"
        "x = [x for f in p(sys.stdin.read()) for x in f.samples\n"
        "     if x.name == 'memory_usage_distribution_bytes_bucket']\n"
        "print(' '.join(s.labels['le'] for s in x), int(x[-1].value))\n";
    struct fixture *f = *state;
    struct server *s = start_full(f);
    const struct outcome *o = run(f, ARGS("promtool", "check", "metrics"), page_of(s));
    const char *om;

    assert_string_equal(o->err, "");
    assert_string_equal(o->out, "");
    om = ASK_OPS(s, .path = "/metrics", .headers = HEADERS("Accept: application/openmetrics-text"))
             ->body;
    assert_true(count_of(om, "# {correlation_id=\"c-") > 24);
    o = run(f, ARGS("/usr/bin/python3", "-c", read_om), om);
    assert_string_equal(o->err, "");
    assert_string_equal(
        o->out, "1e+06 2.5e+06 5e+06 1e+07 2.5e+07 5e+07 1e+08 2.5e+08 5e+08 1e+09 +Inf 24\n");
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

/* What Prometheus answers, "" when it doesn't (yet). */
static const char *query(struct fixture *f, unsigned port, const char *q)
{
    struct reply *r = reply_keep(f);
    const char *path = textf(f, "/api/v1/query?query=%s", q);

    if (ask_port(port, &(struct ask){.path = path}, r) != SENT_ANSWERED || r->status != 200)
        return "";
    return r->body;
}

static double value_of(struct fixture *f, const char *answer)
{
    return strtod(json_text(f, answer, "data.result.0.value.1"), NULL);
}

static void stop_prometheus(void *arg)
{
    const pid_t *pid = arg;
    int status;

    (void)kill(*pid, SIGTERM);
    if (!process_wait(*pid, DEADLINE_MS, &status))
        (void)kill(*pid, SIGKILL);
}

/* It scrapes `s` every second. */
static unsigned start_prometheus(struct fixture *f, const struct server *s)
{
    const char *config = in_dir(f, "prometheus.yml");
    unsigned port = free_port();
    pid_t *pid = keep(f, sizeof(*pid));

    write_file(config,
               textf(f,
                     "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: s\n"
                     "  sample_limit: 5000\n  static_configs: [{targets: ['127.0.0.1:%u']}]\n",
                     s->metrics_port));
    *pid = process_start(&(struct process_options){
        .argv = ARGS("prometheus", textf(f, "--config.file=%s", config),
                     textf(f, "--storage.tsdb.path=%s", in_dir(f, "tsdb")),
                     textf(f, "--web.listen-address=127.0.0.1:%u", port), "--log.level=error"),
        .in = PROCESS_CLOSED,
        .out = PROCESS_INHERITED,
        .err = PROCESS_INHERITED});
    at_end(f, stop_prometheus, pid);
    return port;
}

TEST(a_prometheus_has_the_same_bounds_and_finds_quantiles)
{
    static const char *const bounds[] = {"1e%2B06",   "2.5e%2B06", "5e%2B06", "1e%2B07",
                                         "2.5e%2B07", "5e%2B07",   "1e%2B08", "2.5e%2B08",
                                         "5e%2B08",   "1e%2B09",   "%2BInf"};
    struct fixture *f = *state;
    struct server *s = start_full(f);
    unsigned port = start_prometheus(f, s);
    const char *all = "count(memory_usage_distribution_bytes_bucket)", *r;

    EVENTUALLY(strstr(query(f, port, all), "\"11\"") != NULL);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        r = query(
            f, port,
            textf(f, "memory_usage_distribution_bytes_bucket%%7Ble%%3D%%22%s%%22%%7D", bounds[i]));
        assert_int_equal(json_size(f, r, "data.result"), 1);
    }
    r = query(f, port, "histogram_quantile(0.75,memory_usage_distribution_bytes_bucket)");
    assert_true(value_of(f, r) > 5e8);
    assert_true(value_of(f, r) <= 1e9);
    r = query(f, port, "histogram_quantile(0.75,sum+by+(le)+(rum_lcp_seconds_bucket))");
    assert_true(value_of(f, r) > 4);
    assert_true(value_of(f, r) <= 6);
}

RUN_TESTS(T(a_million_different_pages_are_one_series),
          T(the_fullest_page_stays_below_the_limits_of_a_scrape),
          T(promtool_and_the_parsers_of_client_python_accept_it),
          T(a_prometheus_has_the_same_bounds_and_finds_quantiles))
