/* SPDX-License-Identifier: MIT */
/* Series of the request path: which stand at 0 before anything happens, and which come up later. */
#include "tests/unit/http/fake.h"

#include "http/guard.h"
#include "tests/unit/metrics/dies.h"

static void handler(UNUSED struct request *rq, UNUSED void *ctx)
{
}

static const struct route routes[] = {
    {HTTP_GET,  "/a",     handler, "200 404", IN_NONE, NULL, NULL, NULL},
    {HTTP_POST, "/a",     handler, "201",     IN_NONE, NULL, NULL, NULL},
    {HTTP_GET,  "/alias", handler, "200",     IN_NONE, "/a", NULL, NULL},
};

TEST(every_refusal_and_every_slo_outcome_stands_at_0)
{
    struct fake f;
    struct buf line = BUF_INIT;

    fake_init(&f, NULL, 0, NULL);
    for (unsigned i = REFUSED_NOT + 1; i < REFUSALS; i++) {
        buf_clear(&line);
        buf_addf(&line, "http_rejected_total{reason=\"%s\"} 0", refusal_rows[i].label);
        expect_sample(&f, buf_cstr(&line));
    }
    assert_int_equal(registry_series(f.registry, METRIC_HTTP_REJECTED), REFUSALS - 1);
    for (unsigned s = 0; s < SLOS; s++)
        for (unsigned o = 0; o < SLO_OUTCOMES; o++) {
            buf_clear(&line);
            buf_addf(&line, "slo_events_total{slo=\"%s\",outcome=\"%s\"} 0", slo_name((enum slo)s),
                     slo_outcome_name((enum slo_outcome)o));
            expect_sample(&f, buf_cstr(&line));
        }
    assert_int_equal(registry_series(f.registry, METRIC_SLO_EVENTS), SLOS * SLO_OUTCOMES);
    expect_sample(&f, "http_untrusted_forwarded_total 0");
    expect_sample(&f, "http_request_size_bytes_count 0");
    expect_sample(&f, "http_response_size_bytes_count 0");
    expect_sample(&f, "connections_accepted_total 0");
    expect_sample(&f, "connections_accept_pauses_total 0");
    expect_sample(&f, "connections_accept_errors_total{reason=\"exhausted\"} 0");
    expect_sample(&f, "connections_accept_errors_total{reason=\"other\"} 0");
    expect_sample(&f, "connections_timed_out_total{reason=\"idle\"} 0");
    expect_sample(&f, "connections_timed_out_total{reason=\"request\"} 0");
    expect_sample(&f, "connections_timed_out_total{reason=\"write\"} 0");
    expect_sample(&f, "connections_shed_total{reason=\"idle\"} 0");
    expect_sample(&f, "connections_shed_total{reason=\"memory\"} 0");
    expect_sample(&f, "event_loop_lag_seconds_count 0");
    buf_release(&line);
    fake_release(&f);
}

TEST(what_a_route_declares_and_what_is_implied_stands_at_0)
{
    static const char *const samples[] = {
        "http_requests_total{method=\"GET\",endpoint=\"/a\",status=\"200\"} 0",
        "http_requests_total{method=\"GET\",endpoint=\"/a\",status=\"404\"} 0",
        "http_requests_total{method=\"GET\",endpoint=\"/a\",status=\"499\"} 0",
        "http_requests_total{method=\"GET\",endpoint=\"/a\",status=\"500\"} 0",
        "http_requests_total{method=\"GET\",endpoint=\"/a\",status=\"503\"} 0",
        "http_requests_total{method=\"HEAD\",endpoint=\"/a\",status=\"200\"} 0",
        "http_requests_total{method=\"POST\",endpoint=\"/a\",status=\"201\"} 0",
        "http_requests_total{method=\"POST\",endpoint=\"/a\",status=\"503\"} 0",
        "http_requests_total{method=\"OPTIONS\",endpoint=\"/a\",status=\"204\"} 0",
        "http_requests_total{method=\"PUT\",endpoint=\"/a\",status=\"405\"} 0",
        "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 0",
        "http_requests_total{method=\"DELETE\",endpoint=\"unmatched\",status=\"404\"} 0",
        "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/a\"} 0",
        "http_request_duration_seconds_count{method=\"OPTIONS\",endpoint=\"/a\"} 0",
        "http_request_duration_seconds_count{method=\"PATCH\",endpoint=\"unmatched\"} 0",
        "http_requests_in_flight{endpoint=\"/a\"} 0",
        "http_requests_in_flight{endpoint=\"unmatched\"} 0",
        "http_errors_total{type=\"client\",endpoint=\"/a\"} 0",
        "http_errors_total{type=\"server\",endpoint=\"/a\"} 0",
    };
    struct fake f;

    fake_init(&f, routes, ARRAY_LEN(routes), NULL);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        expect_sample(&f, samples[i]);
    expect_no_series(&f, "alias"); /* it counts under "/a" */
    expect_no_series(&f, "method=\"-\"");
    fake_release(&f);
}

TEST(a_status_nobody_declared_gets_a_series_when_it_comes_up)
{
    struct fake f;
    struct endpoint *e;
    struct metric m;
    size_t before;

    fake_init(&f, routes, ARRAY_LEN(routes), NULL);
    e = router_find(f.service.router, SLICE_LIT("/a"));
    before = registry_series(f.registry, METRIC_HTTP_REQUESTS);
    expect_no_series(&f, "status=\"422\"");
    m = endpoint_requests(f.registry, e, HTTP_POST, 422);
    metric_add(f.loop.shard, m, 1);
    assert_int_equal(endpoint_requests(f.registry, e, HTTP_POST, 422).cell, m.cell);
    assert_int_equal(registry_series(f.registry, METRIC_HTTP_REQUESTS), before + 1);
    expect_sample(&f, "http_requests_total{method=\"POST\",endpoint=\"/a\",status=\"422\"} 1");
    fake_release(&f);
}

TEST(every_status_of_every_method_counts_in_a_cell_of_its_own)
{
    struct fake f;
    struct endpoint *e;

    fake_init(&f, routes, ARRAY_LEN(routes), NULL);
    e = router_find(f.service.router, SLICE_LIT("/a"));
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        for (unsigned s = 0; s < HTTP_STATUSES; s++)
            for (unsigned twice = 0; twice < 2; twice++)
                metric_add(f.loop.shard,
                           endpoint_requests(f.registry, e, (enum http_method)m, http_status_at(s)),
                           1);
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        for (unsigned s = 0; s < HTTP_STATUSES; s++)
            assert_int_equal(
                metric_value(f.registry, endpoint_requests(f.registry, e, (enum http_method)m,
                                                           http_status_at(s))),
                2);
    fake_release(&f);
}

TEST(a_histogram_keeps_its_exemplar_slot_between_look_ups)
{
    struct fake f;
    struct endpoint *e;

    fake_init(&f, routes, ARRAY_LEN(routes), NULL);
    e = router_find(f.service.router, SLICE_LIT("/a"));
    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        const char *name = http_method_name((enum http_method)m);
        struct metric first = endpoint_duration(f.registry, e, (enum http_method)m);
        struct metric again = endpoint_duration(f.registry, e, (enum http_method)m);
        struct metric direct = series_get(f.registry, METRIC_HTTP_DURATION,
                                          (const struct slice[]){slice_str(name), SLICE_LIT("/a")});

        assert_int_equal(first.cell, direct.cell);
        assert_int_equal(first.exemplar, direct.exemplar);
        assert_int_equal(again.cell, direct.cell);
        assert_int_equal(again.exemplar, direct.exemplar);
        assert_int_not_equal(direct.exemplar, UINT32_MAX);
    }
    fake_release(&f);
}

TEST(a_service_that_does_not_count_has_no_handles)
{
    struct service s;
    int ctx = 0;

    service_init(&s, routes, ARRAY_LEN(routes), &ctx, NULL);
    assert_ptr_equal(s.ctx, &ctx);
    assert_false(s.internal);
    for (size_t i = 0; i < router_endpoints(s.router); i++)
        assert_null(router_endpoint(s.router, i)->metrics);
    service_release(&s);
    assert_null(s.router);
    service_release(&s); /* of nothing */
    http_metrics_free(NULL);
}

static void declare(void *arg)
{
    const struct route route = {HTTP_GET, "/x", handler, arg, IN_NONE, NULL, NULL, NULL};
    struct fake f;

    fake_init(&f, &route, 1, NULL);
}

TEST(a_row_with_a_wrong_status_ends_the_process)
{
    static char wrong[][16] = {"20", "two", "200  404", "200,404", "", "600", "418"};
    static char right[] = "200 404";

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_true(dies(declare, wrong[i]));
    assert_false(dies(declare, right));
}

RUN_TESTS(T(every_refusal_and_every_slo_outcome_stands_at_0),
          T(what_a_route_declares_and_what_is_implied_stands_at_0),
          T(a_status_nobody_declared_gets_a_series_when_it_comes_up),
          T(every_status_of_every_method_counts_in_a_cell_of_its_own),
          T(a_histogram_keeps_its_exemplar_slot_between_look_ups),
          T(a_service_that_does_not_count_has_no_handles),
          T(a_row_with_a_wrong_status_ends_the_process))
