/* SPDX-License-Identifier: MIT */
/* The end of a request: what is counted, what is judged, who is told, and that it happens once. */
#include "tests/unit/http/fake.h"

#define IN_BOTH (IN_AVAILABILITY | IN_LATENCY)

struct told {
    unsigned too_large, finished;
    bool sent;
    unsigned status; /* what /any answers; 0: nothing yet */
};

static void on_finish(void *arg, bool sent)
{
    struct told *t = arg;

    t->finished++;
    t->sent = sent;
}

static void ok_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, NULL, SLICE_LIT("hello"));
}

static void any_post(struct request *rq, void *ctx)
{
    struct told *t = ctx;

    request_on_finish(rq, on_finish, t);
    if (t->status != 0)
        answer_borrowed(rq, t->status, NULL, SLICE_NONE);
}

static void limited_post(struct request *rq, UNUSED void *ctx)
{
    rq->limited = true;
    answer_retry(rq, 429, "too_many", "Later.", NS_PER_SEC);
}

static void too_large(UNUSED struct request *rq, void *ctx)
{
    ((struct told *)ctx)->too_large++;
}

static const struct route routes[] = {
    {HTTP_GET,  "/ok",      ok_get,       "200",     IN_BOTH,              NULL, NULL,      NULL},
    {HTTP_POST, "/any",     any_post,     "201 422", IN_BOTH | IN_CONTACT, NULL, too_large, NULL},
    {HTTP_POST, "/limited", limited_post, "429",     IN_BOTH | IN_CONTACT, NULL, NULL,      NULL},
    {HTTP_GET,  "/beacon",  ok_get,       "200",     IN_NONE,              NULL, NULL,      NULL},
};

#define OK "GET /ok HTTP/1.1\r\n" HOST "\r\n"
#define ANY "POST /any HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"

struct ended {
    struct fake f;
    struct told told;
};

static void start(struct ended *e)
{
    e->told = (struct told){.status = 0};
    fake_init(&e->f, routes, ARRAY_LEN(routes), &e->told);
}

static void post_any(struct ended *e, unsigned status)
{
    e->told.status = status;
    fake_ask(&e->f, SLICE_LIT(ANY));
}

/* slo_events_total of one objective. */
static void expect_slo(
    struct fake *f, const char *slo, unsigned good, unsigned bad, unsigned excluded)
{
    static const char *const names[] = {"good", "bad", "excluded"};
    const unsigned counts[] = {good, bad, excluded};
    struct buf line = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        buf_clear(&line);
        buf_addf(&line, "slo_events_total{slo=\"%s\",outcome=\"%s\"} %u", slo, names[i], counts[i]);
        expect_sample(f, buf_cstr(&line));
    }
    buf_release(&line);
}

TEST(an_answered_request_is_counted_once_everywhere)
{
    struct ended e;

    start(&e);
    fake_ask(&e.f, SLICE_LIT(OK));
    fake_ask(&e.f, SLICE_LIT(OK));
    expect_sample(&e.f, "http_requests_total{method=\"GET\",endpoint=\"/ok\",status=\"200\"} 2");
    expect_sample(&e.f, "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/ok\"} 2");
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/ok\"} 0");
    expect_sample(&e.f, "http_request_size_bytes_count 2");
    expect_sample(&e.f, "http_response_size_bytes_count 2");
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"/ok\"} 0");
    expect_sample(&e.f, "http_errors_total{type=\"server\",endpoint=\"/ok\"} 0");
    expect_slo(&e.f, "availability", 2, 0, 0);
    expect_slo(&e.f, "latency", 2, 0, 0);
    expect_slo(&e.f, "contact", 0, 0, 0);
    fake_release(&e.f);
}

TEST(a_request_is_in_flight_until_it_is_finished)
{
    struct ended e;

    start(&e);
    fake_serve(&e.f, SLICE_LIT(ANY));
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/any\"} 1");
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"201\"} 0");
    answer_borrowed(&e.f.rq, 201, NULL, SLICE_NONE);
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/any\"} 1");
    finish(&e.f.rq, true, 0);
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/any\"} 0");
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"201\"} 1");
    fake_release(&e.f);
}

TEST(sizes_are_those_of_the_bodies)
{
    struct ended e;

    start(&e);
    fake_serve(&e.f, SLICE_LIT(ANY));
    e.f.rq.body = (struct slice){"x", 300}; /* only its length is looked at */
    answer_borrowed(&e.f.rq, 201, NULL, SLICE_NONE);
    finish(&e.f.rq, true, 5000);
    expect_sample(&e.f, "http_request_size_bytes_sum 300");
    expect_sample(&e.f, "http_request_size_bytes_bucket{le=\"256.0\"} 0");
    expect_sample(&e.f, "http_request_size_bytes_bucket{le=\"1024.0\"} 1");
    expect_sample(&e.f, "http_response_size_bytes_sum 5000");
    fake_release(&e.f);
}

TEST(errors_are_the_clients_or_ours)
{
    struct ended e;

    start(&e);
    post_any(&e, 201);
    post_any(&e, 422);
    post_any(&e, 503);
    fake_ask(&e.f, SLICE_LIT("GET /no HTTP/1.1\r\n" HOST "\r\n"));
    fake_ask(&e.f, SLICE_LIT("PUT /ok HTTP/1.1\r\n" HOST "\r\n"));
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"/any\"} 1");
    expect_sample(&e.f, "http_errors_total{type=\"server\",endpoint=\"/any\"} 1");
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"unmatched\"} 1");
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"/ok\"} 1");
    expect_sample(&e.f, "http_requests_total{method=\"PUT\",endpoint=\"/ok\",status=\"405\"} 1");
    expect_sample(&e.f, "http_request_duration_seconds_count{method=\"PUT\",endpoint=\"/ok\"} 1");
    fake_release(&e.f);
}

TEST(a_status_nobody_declared_is_counted)
{
    struct ended e;

    start(&e);
    expect_no_series(&e.f, "status=\"409\"");
    post_any(&e, 409);
    post_any(&e, 409);
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"409\"} 2");
    fake_release(&e.f);
}

TEST(the_exemplar_names_the_request_and_its_trace)
{
    struct ended e;

    start(&e);
    fake_ask(&e.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\nTraceparent: "
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"));
    assert_true(page_has(&e.f, EXPOSITION_OPENMETRICS,
                         " 1 # {correlation_id=\"abc-1\",trace_id="
                         "\"0af7651916cd43dd8448eb211c80319c\"} "));
    assert_false(page_has(&e.f, EXPOSITION_TEXT, "abc-1"));
    fake_release(&e.f);
}

/* ---- SLOs ---- */

TEST(outcomes_follow_the_table)
{
    struct ended e;

    start(&e);
    post_any(&e, 201); /* good */
    post_any(&e, 422); /* good: the server did its part */
    post_any(&e, 503); /* bad */
    post_any(&e, 429); /* bad: the limit on all */
    expect_slo(&e.f, "availability", 2, 2, 0);
    expect_slo(&e.f, "contact", 2, 2, 0);
    expect_slo(&e.f, "latency", 2, 0, 2);
    fake_ask(&e.f, SLICE_LIT("POST /limited HTTP/1.1\r\n" HOST "\r\n"));
    expect_slo(&e.f, "availability", 2, 2, 1);
    expect_slo(&e.f, "contact", 2, 2, 1);
    expect_slo(&e.f, "latency", 2, 0, 3);
    fake_release(&e.f);
}

TEST(a_late_answer_is_bad_for_latency)
{
    struct ended e;

    start(&e);
    fake_serve(&e.f, SLICE_LIT(OK));
    e.f.rq.start_ns -= 301 * NS_PER_MS;
    finish(&e.f.rq, true, 5);
    expect_slo(&e.f, "latency", 0, 1, 0);
    expect_slo(&e.f, "availability", 1, 0, 0);
    expect_sample(
        &e.f, "http_request_duration_seconds_bucket{method=\"GET\",endpoint=\"/ok\",le=\"0.3\"} 0");
    e.f.live.latency_threshold_ns = UINT64_MAX;
    fake_serve(&e.f, SLICE_LIT(OK));
    e.f.rq.start_ns -= 60 * NS_PER_SEC;
    finish(&e.f.rq, true, 5);
    expect_slo(&e.f, "latency", 1, 1, 0);
    fake_release(&e.f);
}

TEST(head_belongs_to_the_slos_of_get_and_what_nobody_waits_for_to_none)
{
    struct ended e;

    start(&e);
    fake_ask(&e.f, SLICE_LIT("HEAD /ok HTTP/1.1\r\n" HOST "\r\n"));
    expect_slo(&e.f, "availability", 1, 0, 0);
    fake_ask(&e.f, SLICE_LIT("OPTIONS /ok HTTP/1.1\r\n" HOST "\r\n"));
    fake_ask(&e.f, SLICE_LIT("GET /beacon HTTP/1.1\r\n" HOST "\r\n"));
    fake_ask(&e.f, SLICE_LIT("GET /no HTTP/1.1\r\n" HOST "\r\n"));
    fake_ask(&e.f, SLICE_LIT("DELETE /ok HTTP/1.1\r\n" HOST "\r\n"));
    expect_slo(&e.f, "availability", 1, 0, 0);
    expect_slo(&e.f, "latency", 1, 0, 0);
    fake_release(&e.f);
}

/* ---- refused ---- */

TEST(a_refused_request_counts_by_its_reason_alone)
{
    static const struct {
        const char *raw, *reason;
    } rows[] = {
        {"GET /x HTTP/1.1\r\n" HOST "X : y\r\n\r\n",                      "syntax"         },
        {"GET /x HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n",          "framing"        },
        {"GET /x HTTP/1.1\r\n\r\n",                                       "host"           },
        {"GET x HTTP/1.1\r\n" HOST "\r\n",                                "target"         },
        {"get /x HTTP/1.1\r\n" HOST "\r\n",                               "method"         },
        {"GET /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "length_required"},
        {"GET /x HTTP/1.1\r\nHost: evil\r\n\r\n",                         "misdirected"    },
    };
    const struct slice hosts[] = {SLICE_LIT("shop.example")};
    struct buf sample = BUF_INIT;
    struct ended e;

    start(&e);
    e.f.live.hosts = hosts;
    e.f.live.n_hosts = 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_ask(&e.f, slice_str(rows[i].raw));
        buf_clear(&sample);
        buf_addf(&sample, "http_rejected_total{reason=\"%s\"} 1", rows[i].reason);
        expect_sample(&e.f, buf_cstr(&sample));
    }
    expect_sample(&e.f, "http_request_size_bytes_count 0");
    expect_sample(&e.f,
                  "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 0");
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"unmatched\"} 0");
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"unmatched\"} 0");
    expect_slo(&e.f, "availability", 0, 0, 0);
    buf_release(&sample);
    fake_release(&e.f);
}

TEST(a_refused_request_is_excluded_from_the_slos_it_was_meant_for)
{
    struct ended e;

    start(&e);
    fake_ask(&e.f, SLICE_LIT("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    expect_slo(&e.f, "availability", 0, 0, 1);
    expect_slo(&e.f, "contact", 0, 0, 1);
    expect_slo(&e.f, "latency", 0, 0, 1);
    fake_ask(&e.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "X : y\r\n\r\n"));
    expect_slo(&e.f, "availability", 0, 0, 2);
    expect_slo(&e.f, "contact", 0, 0, 1);
    fake_ask(&e.f, SLICE_LIT("GET /any HTTP/1.1\r\n" HOST "X : y\r\n\r\n")); /* no such row */
    expect_slo(&e.f, "availability", 0, 0, 2);
    assert_int_equal(e.told.too_large, 0);
    fake_release(&e.f);
}

TEST(a_route_is_told_of_a_body_that_was_too_large)
{
    struct ended e;

    start(&e);
    for (unsigned i = REFUSED_NOT + 1; i < REFUSALS; i++) {
        fake_begin(&e.f, SLICE_LIT(ANY));
        e.f.rq.refusal = (enum refusal)i;
        e.f.rq.status = 413;
        finish(&e.f.rq, true, 0);
        assert_int_equal(e.told.too_large, i >= REFUSED_BODY_TOO_LARGE);
    }
    expect_sample(&e.f, "http_rejected_total{reason=\"body_too_large\"} 1");
    fake_begin(&e.f, SLICE_LIT("POST /limited HTTP/1.1\r\n" HOST "\r\n")); /* it does not care */
    e.f.rq.refusal = REFUSED_BODY_TOO_LARGE;
    finish(&e.f.rq, true, 0);
    assert_int_equal(e.told.too_large, 1);
    fake_release(&e.f);
}

/* ---- clients that leave ---- */

TEST(a_client_that_left_before_the_answer_is_499)
{
    struct ended e;

    start(&e);
    fake_serve(&e.f, SLICE_LIT(ANY)); /* the connection broke */
    finish(&e.f.rq, false, 0);
    fake_serve(&e.f, SLICE_LIT(ANY)); /* a FIN was seen, and the answer written all the same */
    e.f.rq.client_gone = true;
    answer_borrowed(&e.f.rq, 201, NULL, SLICE_NONE);
    finish(&e.f.rq, true, 0);
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"499\"} 2");
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"201\"} 0");
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/any\"} 0");
    expect_sample(&e.f, "http_errors_total{type=\"client\",endpoint=\"/any\"} 2");
    expect_slo(&e.f, "availability", 0, 0, 2);
    expect_slo(&e.f, "latency", 0, 0, 2);
    fake_serve(&e.f, SLICE_LIT(ANY)); /* one that waited too long */
    e.f.rq.start_ns -= 301 * NS_PER_MS;
    finish(&e.f.rq, false, 0);
    expect_slo(&e.f, "availability", 0, 0, 3);
    expect_slo(&e.f, "latency", 0, 1, 2);
    fake_release(&e.f);
}

TEST(an_answer_that_broke_on_its_way_keeps_its_status)
{
    struct ended e;

    start(&e);
    fake_serve(&e.f, SLICE_LIT(OK));
    finish(&e.f.rq, false, 2);
    expect_sample(&e.f, "http_requests_total{method=\"GET\",endpoint=\"/ok\",status=\"200\"} 1");
    expect_sample(&e.f, "http_response_size_bytes_sum 2");
    fake_release(&e.f);
}

TEST(the_hook_is_told_once_whether_the_answer_was_sent)
{
    struct ended e;

    start(&e);
    post_any(&e, 201);
    assert_int_equal(e.told.finished, 1);
    assert_true(e.told.sent);
    e.told.status = 0;
    fake_serve(&e.f, SLICE_LIT(ANY));
    assert_int_equal(e.told.finished, 1);
    finish(&e.f.rq, false, 0);
    assert_int_equal(e.told.finished, 2);
    assert_false(e.told.sent);
    fake_release(&e.f);
}

TEST(a_job_of_a_request_that_died_comes_back_to_nobody)
{
    struct ended e;
    struct pending p = {.kind = 0};

    start(&e);
    fake_serve(&e.f, SLICE_LIT(ANY));
    p.rq = &e.f.rq;
    e.f.rq.pending = &p;
    finish(&e.f.rq, false, 0);
    assert_null(p.rq);
    fake_release(&e.f);
}

/* ---- services that do not count, loops that do not log ---- */

TEST(the_metrics_port_counts_nothing)
{
    struct service internal;
    struct told told = {.status = 201};
    struct ended e;

    start(&e);
    service_init(&internal, routes, ARRAY_LEN(routes), &told, NULL);
    internal.internal = true;
    e.f.loop.service = &internal;
    fake_ask(&e.f, SLICE_LIT("POST /any HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_int_equal(told.finished, 1);
    fake_ask(&e.f, SLICE_LIT("POST /any HTTP/1.1\r\nHost: evil\r\n\r\n"));
    assert_int_equal(e.f.rq.status, 421);
    expect_sample(&e.f, "http_requests_total{method=\"POST\",endpoint=\"/any\",status=\"201\"} 0");
    expect_sample(&e.f, "http_rejected_total{reason=\"misdirected\"} 0");
    expect_sample(&e.f, "http_requests_in_flight{endpoint=\"/any\"} 0");
    service_release(&internal);
    fake_release(&e.f);
}

/* Asks once on each port at this log level; how many lines came of it. */
static size_t lines_at(enum log_level level, bool internal)
{
    struct ended e;
    struct buf log;
    size_t n;

    start(&e);
    log_set_level(e.f.log, level);
    e.f.service.internal = internal;
    fake_ask(&e.f, SLICE_LIT("GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    log = fake_log(&e.f);
    n = count_of((struct slice){log.data, log.len}, "\"event\":\"request\"");
    buf_release(&log);
    fake_release(&e.f);
    return n;
}

TEST(public_requests_are_logged_at_info_and_scrapes_at_debug)
{
    assert_int_equal(lines_at(LOG_DEBUG, false), 1);
    assert_int_equal(lines_at(LOG_INFO, false), 1);
    assert_int_equal(lines_at(LOG_WARN, false), 0);
    assert_int_equal(lines_at(LOG_ERROR, false), 0);
    assert_int_equal(lines_at(LOG_DEBUG, true), 1);
    assert_int_equal(lines_at(LOG_INFO, true), 0);
}

TEST(a_loop_without_a_ring_still_counts)
{
    struct ended e;

    start(&e);
    e.f.loop.ring = NULL;
    fake_ask(&e.f, SLICE_LIT(OK));
    expect_sample(&e.f, "http_requests_total{method=\"GET\",endpoint=\"/ok\",status=\"200\"} 1");
    fake_release(&e.f);
}

TEST(answers_of_500_and_more_are_remembered)
{
    static const unsigned statuses[] = {200, 404, 499, 500, 503};
    struct recent_error list[RECENT_KEPT];
    struct recent *recent = recent_new(1);
    struct ended e;

    start(&e);
    e.f.loop.recent = recent_ring(recent, 0);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        post_any(&e, statuses[i]);
    assert_int_equal(recent_list(recent, list), 2);
    assert_int_equal(list[0].status, 503); /* newest first, the ring's order within a millisecond */
    assert_int_equal(list[1].status, 500);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(list[i].endpoint, "/any");
        assert_int_equal(list[i].method, HTTP_POST);
        assert_true(correlation_id_valid(list[i].id));
        assert_true(list[i].ended_ms >= UINT64_C(1577836800000));
    }
    assert_true(slice_eq(list[0].id, e.f.rq.correlation_id));
    assert_false(slice_eq(list[1].id, e.f.rq.correlation_id));
    fake_release(&e.f);
    recent_free(recent);
}

RUN_TESTS(T(an_answered_request_is_counted_once_everywhere),
          T(a_request_is_in_flight_until_it_is_finished),
          T(sizes_are_those_of_the_bodies),
          T(errors_are_the_clients_or_ours),
          T(a_status_nobody_declared_is_counted),
          T(the_exemplar_names_the_request_and_its_trace),
          T(outcomes_follow_the_table),
          T(a_late_answer_is_bad_for_latency),
          T(head_belongs_to_the_slos_of_get_and_what_nobody_waits_for_to_none),
          T(a_refused_request_counts_by_its_reason_alone),
          T(a_refused_request_is_excluded_from_the_slos_it_was_meant_for),
          T(a_route_is_told_of_a_body_that_was_too_large),
          T(a_client_that_left_before_the_answer_is_499),
          T(an_answer_that_broke_on_its_way_keeps_its_status),
          T(the_hook_is_told_once_whether_the_answer_was_sent),
          T(a_job_of_a_request_that_died_comes_back_to_nobody),
          T(the_metrics_port_counts_nothing),
          T(public_requests_are_logged_at_info_and_scrapes_at_debug),
          T(a_loop_without_a_ring_still_counts),
          T(answers_of_500_and_more_are_remembered))
