/* SPDX-License-Identifier: MIT */
/*
 * Browser metrics from the wire to both pages: what browsers may send, what it moves, what is refused, and who may read it
 * back. How many pages and series there may be is in rum_series_test.c.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <pthread.h>
#include <signal.h>

#define VIEW                                                                                       \
    "{\"page\":\"/blog/a\",\"page_load_time_seconds\":1.5,\"memory_usage_bytes\":3000000,"         \
    "\"errors\":[{\"kind\":\"error\"},{\"kind\":\"unhandledrejection\"},{\"kind\":\"csp\"}],"      \
    "\"correlation_id\":\"view-1\",\"vitals\":[{\"name\":\"LCP\",\"value\":2500,\"id\":\"a\"},"    \
    "{\"name\":\"INP\",\"value\":208,\"id\":\"a\"},{\"name\":\"CLS\",\"value\":0.3,\"id\":\"a\"}," \
    "{\"name\":\"FCP\",\"value\":900,\"id\":\"a\"},{\"name\":\"TTFB\",\"value\":80,\"id\":\"a\"}]}"
#define TAKEN "{\"message\":\"Metrics received\"}"
#define PLAIN_TYPE "Content-Type: text/plain;charset=UTF-8"
#define OUTCOME(outcome) "rum_reports_total{outcome=\"" outcome "\"}"
#define IGNORED(reason) "rum_ignored_total{reason=\"" reason "\"}"

static const struct reply *report(struct server *s, const char *body)
{
    return ASK(s, .path = "/api/metrics", .body = body, .headers = HEADERS(JSON_TYPE));
}

static void assert_taken(const struct reply *r)
{
    assert_status(r, 200);
    assert_string_equal(r->body, TAKEN);
    assert_field(r, "content-type", "application/json");
    assert_manners(r);
}

TEST(a_report_moves_the_metrics_page)
{
    struct server *s = server_start(*state, SETS("rum.pages=/,/blog/*"));
    const char *page;

    assert_taken(report(s, VIEW));
    assert_metric(s, "received_metrics_total", 1);
    page = page_of(s);
    assert_true(page_value(page, "page_load_time_seconds_count") == 1);
    assert_true(page_value(page, "page_load_time_seconds_sum") == 1.5);
    assert_true(page_value(page, "page_load_time_seconds_bucket{le=\"1.0\"}") == 0);
    assert_true(page_value(page, "page_load_time_seconds_bucket{le=\"2.0\"}") == 1);
    assert_true(page_value(page, "memory_usage_bytes") == 3000000);
    assert_true(page_value(page, "memory_usage_distribution_bytes_bucket{le=\"2.5e+06\"}") == 0);
    assert_true(page_value(page, "memory_usage_distribution_bytes_bucket{le=\"5e+06\"}") == 1);
    assert_true(page_value(page, "rum_lcp_seconds_bucket{page=\"/blog/*\",le=\"2.0\"}") == 0);
    assert_true(page_value(page, "rum_lcp_seconds_bucket{page=\"/blog/*\",le=\"2.5\"}") == 1);
    assert_true(page_value(page, "rum_inp_seconds_bucket{page=\"/blog/*\",le=\"0.2\"}") == 0);
    assert_true(page_value(page, "rum_inp_seconds_bucket{page=\"/blog/*\",le=\"0.5\"}") == 1);
    assert_true(page_value(page, "rum_cls_bucket{page=\"/blog/*\",le=\"0.25\"}") == 0);
    assert_true(page_value(page, "rum_cls_sum{page=\"/blog/*\"}") == 0.3);
    assert_true(page_value(page, "rum_fcp_seconds_sum{page=\"/blog/*\"}") == 0.9);
    assert_true(page_value(page, "rum_ttfb_seconds_sum{page=\"/blog/*\"}") == 0.08);
    assert_true(page_value(page, "rum_errors_total{kind=\"error\"}") == 1);
    assert_true(page_value(page, "rum_errors_total{kind=\"unhandledrejection\"}") == 1);
    assert_true(page_value(page, "rum_errors_total{kind=\"other\"}") == 1);
    assert_true(page_value(page, OUTCOME("accepted")) == 1);
    assert_metric(s, REQUESTS("POST", "/api/metrics", "200"), 1);
    assert_true(page_value(page_of(s), SLO("availability", "good")) == 0);
}

TEST(a_repetition_counts_once)
{
    struct server *s = server_start(*state, NULL);

    assert_taken(report(s, VIEW));
    assert_taken(report(s, VIEW));
    assert_metric(s, "rum_lcp_seconds_count{page=\"other\"}", 1);
    assert_metric(s, OUTCOME("accepted"), 1);
    assert_metric(s, OUTCOME("duplicate"), 1);
    assert_metric(s, IGNORED("duplicate"), 5);
    assert_metric(s, "page_load_time_seconds_count", 1);
    assert_metric(s, "rum_errors_total{kind=\"error\"}", 1);
    assert_metric(s, "received_metrics_total", 1);
}

TEST(exemplars_lead_from_a_slow_page_to_its_log_line)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *id = reply_field(get(s, "/"), "x-correlation-id");
    const struct reply *r;

    assert_non_null(id);
    assert_taken(report(s, textf(f,
                                 "{\"correlation_id\":\"%s\",\"vitals\":[{\"name\":\"LCP\","
                                 "\"value\":9000}]}",
                                 id)));
    assert_metric(s, "rum_lcp_seconds_count{page=\"other\"}", 1);
    r = ASK_OPS(s, .path = "/metrics", .headers = HEADERS("Accept: application/openmetrics-text"));
    assert_contains(r->body, textf(f,
                                   "rum_lcp_seconds_bucket{page=\"other\",le=\"10.0\"} 1 # "
                                   "{correlation_id=\"%s\"} 9 ",
                                   id));
    assert_contains(log_request(s, id), "\"endpoint\":\"/\"");
}

TEST(a_beacon_is_plain_text_from_an_allowed_origin)
{
    static const struct {
        const char *type, *origin;
        int status;
        const char *code;
    } cases[] = {
        {PLAIN_TYPE,                                 "Origin: https://shop.example",          200, NULL                    },
        {PLAIN_TYPE,                                 NULL,                                    415, "unsupported_media_type"},
        {PLAIN_TYPE,                                 "Origin: https://evil.example",          403, "origin_not_allowed"    },
        {PLAIN_TYPE,                                 "Origin: https://shop.example.evil.com", 403, "origin_not_allowed"    },
        {PLAIN_TYPE,                                 "Origin: http://shop.example",           403, "origin_not_allowed"    },
        {PLAIN_TYPE,                                 "Origin: null",                          403, "origin_not_allowed"    },
        {JSON_TYPE,                                  "Origin: https://shop.example",          200, NULL                    },
        {JSON_TYPE,                                  "Origin: https://evil.example",          403, "origin_not_allowed"    },
        {JSON_TYPE,                                  NULL,                                    200, NULL                    },
        {FORM_TYPE,                                  "Origin: https://shop.example",          415, "unsupported_media_type"},
        {"Content-Type: text/plain; charset=utf-16", "Origin: https://shop.example",          415,
         "unsupported_media_type"                                                                                          },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("cors.origins=https://shop.example"));
    int taken = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = ASK(s, .path = "/api/metrics", .body = "{}",
                                    .headers = HEADERS(cases[i].type, cases[i].origin));

        if (cases[i].code != NULL)
            assert_error(f, r, cases[i].status, cases[i].code);
        else
            assert_taken(r);
        taken += cases[i].status == 200;
    }
    assert_metric(s, OUTCOME("accepted"), taken);
    assert_metric(s, OUTCOME("origin"), 5);
    assert_metric(s, OUTCOME("media_type"), 3);
}

TEST(the_pages_own_host_is_an_allowed_origin)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *own = textf(f, "Origin: http://127.0.0.1:%u", s->public_port);

    assert_taken(ASK(s, .path = "/api/metrics", .body = "{}", .headers = HEADERS(PLAIN_TYPE, own)));
    assert_taken(
        ASK(s, .path = "/api/metrics", .body = "{}",
            .headers = HEADERS(PLAIN_TYPE, "Host: a.example", "Origin: https://a.example")));
    assert_status(ASK(s, .path = "/api/metrics", .body = "{}",
                      .headers = HEADERS(PLAIN_TYPE, "Host: a.example", own)),
                  403);
}

TEST(what_is_no_report_is_told_why)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r;

    assert_error(f, report(s, "LCP=1"), 400, "malformed");
    assert_error(f, report(s, ""), 400, "malformed");
    assert_error(f,
                 ASK(s, .path = "/api/metrics", .body = "",
                     .headers = HEADERS(PLAIN_TYPE, "Origin: https://evil.example")),
                 403, "origin_not_allowed");
    assert_error(f, report(s, "{\"page\":\"/\",\"page\":\"/\"}"), 422, "invalid");
    assert_error(f, report(s, "{\"page\":\"\\u0000\"}"), 422, "invalid");
    assert_error(f, report(s, "\"LCP\""), 422, "invalid");
    r = report(s, "[{},{\"page\":1,\"vitals\":[{\"name\":\"LCP\",\"value\":\"s3cret\"}]}]");
    assert_error(f, r, 422, "invalid");
    assert_json(f, r->body, "error.fields.page", "must be a string: the path of the page");
    assert_int_equal(json_size(f, r->body, "error.fields"), 2);
    assert_lacks(r->body, "s3cret");
    assert_metric(s, OUTCOME("malformed"), 2);
    assert_metric(s, OUTCOME("invalid"), 4);
    assert_metric(s, OUTCOME("accepted"), 0);
}

TEST(sixty_four_kib_are_taken_and_one_byte_more_is_413)
{
    enum { MAX = 65536 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    char *body = keep(f, MAX + 2);

    memset(body, ' ', MAX);
    memcpy(body, "{}", 2);
    assert_taken(report(s, body));
    body[MAX] = ' ';
    assert_error(f, report(s, body), 413, "content_too_large");
    assert_metric(s, OUTCOME("too_large"), 1);
    assert_metric(s, REQUESTS("POST", "/api/metrics", "413"), 1);
    /* Beyond limits.body the guard refuses it, and it is counted all the same. */
    body = keep(f, 200001);
    memset(body, ' ', 200000);
    assert_status(report(s, body), 413);
    assert_metric(s, OUTCOME("too_large"), 2);
    assert_metric(s, "received_metrics_total", 1);
}

TEST(sixty_a_minute_is_the_default_and_the_contact_form_has_its_own)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r;

    for (int i = 0; i < 60; i++)
        assert_status(report(s, "{}"), 200);
    /* A slow run gets some credit back meanwhile. */
    EVENTUALLY((r = report(s, "{}"))->status == 429);
    assert_error(f, r, 429, "rate_limited");
    assert_non_null(reply_field(r, "retry-after"));
    assert_true(metric(s, OUTCOME("rate_client")) >= 1);
    assert_status(post_json(s, ADA), 201);
    assert_metric(s, OUTCOME("invalid"), 0);
}

TEST(recent_reports_are_on_the_metrics_port_always_and_on_the_public_one_when_told)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;
    const struct reply *r;

    write_file(config, "rum:\n  pages: [\"/blog/*\"]\n  keep: 3\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_error(f, get(s, "/api/metrics"), 404, "not_found");
    for (int i = 1; i <= 5; i++)
        assert_taken(
            report(s, textf(f, "{\"memory_usage_bytes\":%d,\"page\":\"/blog/token-%d\"}", i, i)));
    r = get_ops(s, "/api/metrics");
    assert_status(r, 200);
    assert_field(r, "cache-control", "no-store");
    assert_int_equal(json_size(f, r->body, "metrics"), 3);
    assert_json(f, r->body, "metrics.0.memory_usage_bytes", "5");
    assert_json(f, r->body, "metrics.0.page", "/blog/*");
    assert_json(f, r->body, "metrics.2.memory_usage_bytes", "3");
    assert_json(f, r->body, "kept", "3");
    assert_json(f, r->body, "limit", "3");
    assert_lacks(r->body, "token");
    assert_int_equal(json_size(f, get_ops(s, "/api/metrics?limit=1")->body, "metrics"), 1);
    assert_error(f, get_ops(s, "/api/metrics?limit=0"), 400, "bad_query");
    assert_status(ASK_OPS(s, .path = "/api/metrics", .method = "POST", .body = "{}"), 405);
    write_file(config, "rum: {public_read: true, keep: 3}\n");
    server_signal(s, SIGHUP);
    EVENTUALLY(get(s, "/api/metrics")->status == 200);
    assert_json(f, get(s, "/api/metrics")->body, "kept", "3");
    r = ASK(s, .path = "/api/metrics", .method = "HEAD");
    assert_status(r, 200);
    assert_int_equal(r->body_len, 0);
}

static bool counts_under_b(struct server *s)
{
    (void)report(s, "{\"page\":\"/b/c\",\"vitals\":[{\"name\":\"LCP\",\"value\":1}]}");
    return metric(s, "rum_lcp_seconds_count{page=\"/b/*\"}") > 0;
}

TEST(pages_of_a_reload_have_their_series_at_once)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;

    write_file(config, "rum:\n  pages: [/, /a]\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_metric(s, "rum_lcp_seconds_count{page=\"/a\"}", 0);
    assert_metric(s, "rum_cls_count{page=\"other\"}", 0);
    assert_false(page_has(page_of(s), "rum_ttfb_seconds_count{page=\"/b/*\"}"));
    write_file(config, "rum:\n  pages: [\"/b/*\"]\n");
    server_signal(s, SIGHUP);
    EVENTUALLY(page_has(page_of(s), "rum_ttfb_seconds_count{page=\"/b/*\"}"));
    assert_metric(s, "rum_inp_seconds_count{page=\"/b/*\"}", 0);
    assert_metric(s, "rum_lcp_seconds_count{page=\"/a\"}", 0);
    EVENTUALLY(counts_under_b(s)); /* each worker takes it when it comes round */
}

enum { CLIENTS = 4, EACH = 150 };

struct client {
    struct server *s;
    unsigned number, taken;
};

/* The same IDs from every client, so that they race for each. */
static void *send_reports(void *arg)
{
    struct client *c = arg;
    struct buf b = BUF_INIT;
    struct wire w;

    if (!wire_connect(&w, c->s->public_port))
        return NULL;
    for (unsigned i = 0; i < EACH; i++) {
        struct buf body = BUF_INIT;
        struct reply r = {.status = 0};

        buf_addf(&body,
                 "{\"page\":\"/%u\",\"memory_usage_bytes\":1000,\"page_load_time_seconds\":0.25,"
                 "\"vitals\":[{\"name\":\"LCP\",\"value\":%u,\"id\":\"shared-%u\"},"
                 "{\"name\":\"CLS\",\"value\":0.125}]}",
                 i % 3, i, i);
        buf_clear(&b);
        buf_addf(
            &b,
            "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            body.len, buf_cstr(&body));
        if (wire_write(&w, b.data, b.len) && wire_read(&w, false, &r) == GOT_REPLY)
            c->taken += r.status == 200;
        reply_release(&r);
        buf_release(&body);
    }
    wire_close(&w);
    buf_release(&b);
    return NULL;
}

TEST(workers_that_count_at_once_lose_nothing)
{
    struct server *s = server_start(*state, SETS("rum.rate=off", "rum.pages=/0,/1", "threads=3"));
    struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    double all = CLIENTS * EACH;
    const char *page;

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){s, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, send_reports, &clients[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_status(get_ops(s, "/api/metrics"), 200);
        (void)page_of(s);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(clients[i].taken, EACH);
    }
    assert_metric(s, "received_metrics_total", all);
    page = page_of(s);
    assert_true(page_value(page, "page_load_time_seconds_count") == all);
    assert_true(page_value(page, "page_load_time_seconds_sum") == all / 4);
    assert_true(page_value(page, "memory_usage_distribution_bytes_sum") == all * 1000);
    assert_true(page_sum(page, "rum_cls_count") == all);
    assert_true(page_sum(page, "rum_cls_sum") == all / 8);
    assert_true(page_sum(page, "rum_lcp_seconds_count") == EACH);
    assert_true(page_value(page, IGNORED("duplicate")) == all - EACH);
}

RUN_TESTS(T(a_report_moves_the_metrics_page),
          T(a_repetition_counts_once),
          T(exemplars_lead_from_a_slow_page_to_its_log_line),
          T(a_beacon_is_plain_text_from_an_allowed_origin),
          T(the_pages_own_host_is_an_allowed_origin),
          T(what_is_no_report_is_told_why),
          T(sixty_four_kib_are_taken_and_one_byte_more_is_413),
          T(sixty_a_minute_is_the_default_and_the_contact_form_has_its_own),
          T(recent_reports_are_on_the_metrics_port_always_and_on_the_public_one_when_told),
          T(pages_of_a_reload_have_their_series_at_once),
          T(workers_that_count_at_once_lose_nothing))
