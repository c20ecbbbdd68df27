/* SPDX-License-Identifier: MIT */
/*
 * The metrics page as a scraper gets it: formats, negotiation, filters, what stands there from the
 * start. What it promises while workers write is scrape_test.c's, objectives are slo_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <stdlib.h>

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS \
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
#define WANT_OM "Accept: application/openmetrics-text;version=1.0.0"

/* Known without any event. */
static const char *const zeros[] = {
    REQUESTS("GET", "/", "200"),
    REQUESTS("GET", "/", "500"),
    REQUESTS("GET", "/", "503"),
    REQUESTS("GET", "/", "499"),
    REQUESTS("HEAD", "/contact/thanks", "200"),
    REQUESTS("GET", "/health", "503"),
    REQUESTS("GET", "/health/readiness", "503"),
    REQUESTS("POST", "/contact", "201"),
    REQUESTS("POST", "/contact", "303"),
    REQUESTS("POST", "/contact", "400"),
    REQUESTS("POST", "/contact", "415"),
    REQUESTS("POST", "/contact", "422"),
    REQUESTS("POST", "/contact", "429"),
    REQUESTS("POST", "/contact", "503"),
    REQUESTS("GET", "unmatched", "404"),
    "http_request_duration_seconds_count{method=\"POST\",endpoint=\"/contact\"}",
    "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/\",le=\"0.3\"}",
    "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/\",le=\"1.0\"}",
    "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/\",le=\"+Inf\"}",
    "http_requests_in_flight{endpoint=\"/contact\"}",
    "http_request_size_bytes_bucket{le=\"262144.0\"}",
    "http_response_size_bytes_count",
    "http_errors_total{type=\"server\",endpoint=\"/contact\"}",
    "http_errors_total{type=\"client\",endpoint=\"unmatched\"}",
    "http_untrusted_forwarded_total",
    REJECTED("syntax"),
    REJECTED("framing"),
    REJECTED("host"),
    REJECTED("target"),
    REJECTED("method"),
    REJECTED("length_required"),
    REJECTED("body_too_large"),
    REJECTED("target_too_long"),
    REJECTED("expectation"),
    REJECTED("misdirected"),
    REJECTED("head_too_large"),
    REJECTED("unparsed"),
    SUBMISSIONS,
    CONTACT_REJECTED("invalid"),
    CONTACT_REJECTED("malformed"),
    CONTACT_REJECTED("media_type"),
    CONTACT_REJECTED("too_large"),
    CONTACT_REJECTED("rate_client"),
    CONTACT_REJECTED("rate_total"),
    CONTACT_REJECTED("key_reused"),
    CONTACT_REJECTED("store"),
    "contact_replays_total",
    "connections_accepted_total",
    "connections_accept_errors_total{reason=\"exhausted\"}",
    "connections_accept_pauses_total",
    "worker_connections{worker=\"0\"}",
    "store_queue_length",
    "store_queue_full_total",
    "store_errors_total{operation=\"commit\"}",
    "store_reopens_total",
    "store_commit_seconds_count",
    "store_batch_size_count",
    "log_lines_dropped_total",
    "metrics_handler_requests_total{code=\"503\"}",
    "metrics_label_overflow_total{family=\"contact_submissions_total\"}",
    "metrics_connections_refused_total{reason=\"network\"}",
    "rate_limit_evictions_total",
    "sidelight_draining",
    "config_restart_required",
};

TEST(known_series_stand_at_0_from_the_start)
{
    const char *page = page_of(server_start(*state, NULL));

    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        if (page_value(page, zeros[i]) != 0)
            fail_msg("%s is %g", zeros[i], page_value(page, zeros[i]));
}

TEST(what_is_measured_all_the_time_has_its_values)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *page = page_of(s);

    assert_true(page_sum(page, "sidelight_build_info") >= 1);
    assert_contains(page, "sidelight_build_info{version=\"");
    assert_true(page_value(page, "process_start_time_seconds") > 1.7e9);
    assert_true(page_value(page, "process_resident_memory_bytes") > 1e6);
    assert_true(page_value(page, "process_virtual_memory_bytes") > 1e6);
    assert_true(page_value(page, "process_virtual_memory_max_bytes") != 0);
    assert_true(page_value(page, "process_open_fds") >= 5);
    assert_true(page_value(page, "process_max_fds") >= 256);
    assert_true(page_value(page, "process_threads") >= 5);
    assert_true(page_value(page, "process_cpu_seconds_total") >= 0);
    assert_true(page_has(page, "process_network_receive_bytes_total"));
    assert_true(page_value(page, "config_last_reload_successful") >= 1);
    assert_true(page_value(page, "config_last_reload_success_timestamp_seconds") > 1.7e9);
    assert_true(page_value(page, "dependency_up{name=\"store\"}") >= 1);
    assert_true(page_value(page, "active_database_connections") >= 1);
    assert_true(page_value(page, "store_queue_limit") >= 4096);
    assert_true(page_value(page, "connections_limit") >= 8);
    assert_true(page_value(page, "metrics_sample_limit") >= 5000);
    assert_true(page_value(page, "metrics_series{family=\"http_requests_total\"}") > 20);
    EVENTUALLY(metric(s, "event_loop_lag_seconds_count") >= 2);
    EVENTUALLY(metric(s, "log_lines_total") >= 2);
}

TEST(the_page_stays_under_the_limit_of_a_scraper)
{
    const char *page = page_of(server_start(*state, NULL));
    size_t samples = 0;

    for (const char *line = page; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        samples += line[0] != '#' && line[0] != '\0';
    }
    assert_in_range(samples, 500, 5000);
}

TEST(the_format_is_negotiated)
{
    static const struct {
        const char *accept, *type;
    } cases[] = {
        {"Accept:",                                                                   TEXT       },
        {"Accept: */*",                                                               TEXT       },
        {"Accept: text/plain",                                                        TEXT       },
        {"Accept: text/html",                                                         TEXT       },
        {"Accept: application/json",                                                  TEXT       },
        {"Accept: application/openmetrics-text",                                      OPENMETRICS},
        {"Accept: application/openmetrics-text; version=1.0.0",                       OPENMETRICS},
        {"Accept: application/openmetrics-text;version=9.9.9",                        TEXT       },
        {"Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",                         OPENMETRICS},
        {"Accept: application/openmetrics-text;q=0.2,text/plain;q=0.9",               TEXT       },
        {"Accept: application/openmetrics-text;q=0,*/*;q=0.1",                        TEXT       },
        {"Accept: text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.6", OPENMETRICS},
        {"Accept: ;;;,,q=",                                                           TEXT       },
    };
    struct server *s = server_start(*state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = ASK_OPS(s, .path = "/metrics", .headers = HEADERS(cases[i].accept));

        assert_status(r, 200);
        assert_field(r, "content-type", cases[i].type);
        assert_manners(r);
        assert_int_equal(count_of(r->body, "# EOF"), strcmp(cases[i].type, TEXT) != 0);
    }
}

TEST(a_page_is_compressed_when_asked_for)
{
    struct server *s = server_start(*state, NULL);
    const struct reply *plain = get_ops(s, "/metrics"), *r;

    assert_null(reply_field(plain, "content-encoding"));
    assert_non_null(reply_field(plain, "vary"));
    r = ASK_OPS(s, .path = "/metrics", .gzip = true);
    assert_status(r, 200);
    assert_field(r, "content-encoding", "gzip");
    assert_field(r, "content-type", TEXT);
    assert_int_equal(strncmp(r->body, "# HELP ", 7), 0);
    assert_true(r->body_len > 4 * strtoul(reply_field(r, "content-length"), NULL, 10));
    r = ASK_OPS(s, .path = "/metrics", .headers = HEADERS("Accept-Encoding: gzip;q=0"));
    assert_null(reply_field(r, "content-encoding"));
    r = ASK_OPS(s, .path = "/metrics", .headers = HEADERS("Accept-Encoding: br, deflate"));
    assert_null(reply_field(r, "content-encoding"));
}

TEST(names_filter_the_page)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *body =
        get_ops(s, "/metrics?name[]=slo_events_total&name%5B%5D=process_open_fds&x=1")->body;

    assert_int_equal(count_of(body, "# TYPE "), 2);
    assert_contains(body, "# TYPE slo_events_total counter\n");
    assert_contains(body, "# TYPE process_open_fds gauge\n");
    assert_string_equal(get_ops(s, "/metrics?name[]=nothing")->body, "");
    assert_string_equal(
        ASK_OPS(s, .path = "/metrics?name[]=nothing", .headers = HEADERS(WANT_OM))->body,
        "# EOF\n");
    assert_error(f, get_ops(s, "/metrics?name[]=%zz"), 400, "bad_query");
    assert_metric(s, "metrics_handler_requests_total{code=\"400\"}", 1);
}

TEST(head_is_answered_and_post_is_not)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to_ops(s);
    const struct reply *r;

    wire_send(w, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                 "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
                 "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    r = wire_reply_head(f, w);
    assert_status(r, 200);
    assert_field(r, "content-type", TEXT);
    assert_true(strtoul(reply_field(r, "content-length"), NULL, 10) > 10000);
    assert_field(wire_reply_head(f, w), "content-encoding", "gzip");
    assert_true(wire_reply(f, w)->body_len > 10000);
    r = ASK_OPS(s, .path = "/metrics", .body = "x");
    assert_error(f, r, 405, "method_not_allowed");
    assert_field(r, "allow", "GET, HEAD, OPTIONS");
}

TEST(the_start_of_the_process_is_in_the_head)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = get_ops(s, "/metrics");
    double start = page_value(r->body, "process_start_time_seconds");

    assert_field(r, "process-start-time-unix", textf(f, "%.0f", (double)(uint64_t)start));
    assert_field(r, "cache-control", "no-store");
}

/* Traffic of every kind, with labels and IDs that are as odd as they may be. */
static void make_traffic(struct server *s)
{
    struct fixture *f = s->f;

    (void)get(s, "/");
    (void)ASK(s, .path = "/nothing\"{}", .method = "PATCH");
    (void)ASK(s, .path = "/contact", .headers = HEADERS("X-Correlation-ID: _.-"));
    (void)post_json(s, "{}");
    for (int i = 0; i < 80; i++)
        (void)post_json(
            s,
            textf(f, "{\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"m\",\"source\":\"s_%d\"}",
                  i));
}

TEST(promtool_accepts_the_page)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "service=my-site_1.x"));
    const struct outcome *o;

    make_traffic(s);
    o = run(f, ARGS("promtool", "check", "metrics"), page_of(s));
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 0);
}

TEST(the_parsers_of_client_python_accept_both_pages)
{
    static const char text[] =
        "import sys\n"
        "from prometheus_client.parser import text_string_to_metric_families as p\n"
        "print(len(list(p(sys.stdin.read()))))\n";
    static const char om[] =
        "import sys\n"
        "from prometheus_client.openmetrics.parser import text_string_to_metric_families as p\n"
        "fs = list(p(sys.stdin.read()))\n"
        "print(len(fs), sum(1 for f in fs for x in f.samples if x.exemplar))\n";
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "service=my-site_1.x"));
    const char *page;
    const struct outcome *o;

    make_traffic(s);
    page = page_of(s);
    o = run(f, ARGS("/usr/bin/python3", "-c", text), page);
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, textf(f, "%zu\n", count_of(page, "# TYPE ")));
    page = ASK_OPS(s, .path = "/metrics", .headers = HEADERS(WANT_OM))->body;
    o = run(f, ARGS("/usr/bin/python3", "-c", om), page);
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, textf(f, "%zu %zu\n", count_of(page, "# TYPE "),
                                      count_of(page, " # {correlation_id=\"")));
    assert_true(count_of(page, " # {correlation_id=\"") >= 3);
}

TEST(sources_beyond_the_budget_are_folded_and_nothing_is_lost)
{
    struct server *s = server_start(*state, SETS("contact.rate=off"));
    const char *page;

    make_traffic(s);
    EVENTUALLY(metric_sum(s, "contact_submissions_total") >= 80);
    page = page_of(s);
    assert_true(page_sum(page, "contact_submissions_total") <= 80);
    assert_true(count_of(page, "\ncontact_submissions_total{") <= 65);
    assert_true(
        page_value(page, "contact_submissions_total{source=\"other\",service=\"sidelight\"}") >=
        10);
    assert_true(
        page_value(page, "metrics_label_overflow_total{family=\"contact_submissions_total\"}") >=
        10);
}

TEST(only_allowed_networks_reach_the_page)
{
    struct server *s = server_start(*state, SETS("metrics.allow=127.0.0.2/32"));
    const struct reply *r;
    struct reply none;

    assert_int_equal(ask_port(s->metrics_port, &(struct ask){.path = "/metrics"}, &none),
                     SENT_BROKEN);
    r = ASK_OPS(s, .path = "/metrics", .source = "127.0.0.2");
    assert_status(r, 200);
    assert_true(page_value(r->body, "metrics_connections_refused_total{reason=\"network\"}") >= 1);
    assert_status(get(s, "/health"), 200);
}

RUN_TESTS(T(known_series_stand_at_0_from_the_start),
          T(what_is_measured_all_the_time_has_its_values),
          T(the_page_stays_under_the_limit_of_a_scraper),
          T(the_format_is_negotiated),
          T(a_page_is_compressed_when_asked_for),
          T(names_filter_the_page),
          T(head_is_answered_and_post_is_not),
          T(the_start_of_the_process_is_in_the_head),
          T(promtool_accepts_the_page),
          T(the_parsers_of_client_python_accept_both_pages),
          T(sources_beyond_the_budget_are_folded_and_nothing_is_lost),
          T(only_allowed_networks_reach_the_page))
