/* SPDX-License-Identifier: MIT */
/* The status page as an endpoint: a registry with traffic in it, a clock that is a number. */
#include "tests/unit/api/html.h"

#include "api/status.h"
#include "api/status_view.h"
#include "http/json.h"

#include <stdio.h>

enum { MS = 1000000 };

struct past {
    struct fake f;
    struct status_history *history;
    struct status_cells *cells;
    struct status_now now;
    struct status_view view;
};

static void start(struct past *p)
{
    memset(p, 0, sizeof(*p));
    fake_init(&p->f);
    p->history = history_new(FAKE_START_NS);
    p->cells = status_cells_new(p->f.api.registry, public_routes, n_public_routes);
    for (size_t i = 0; i < SLOS; i++)
        metric_set(p->f.loop.shard,
                   series_get(p->f.api.registry, METRIC_SLO_OBJECTIVE,
                              (struct slice[]){slice_str(slo_name((enum slo)i))}),
                   999000000);
    metric_set(p->f.loop.shard, series_plain(p->f.api.registry, METRIC_CONFIG_RELOAD_OK), 1);
}

static void stop(struct past *p)
{
    status_cells_free(p->cells);
    history_free(p->history);
    fake_release(&p->f);
}

static void gauge(struct past *p, enum metric_family family, int64_t v)
{
    metric_set(p->f.loop.shard, series_plain(p->f.api.registry, family), v);
}

static void gauge_of(struct past *p, enum metric_family family, const char *label, int64_t v)
{
    metric_set(p->f.loop.shard,
               series_get(p->f.api.registry, family, (struct slice[]){slice_str(label)}), v);
}

static void answered(struct past *p, const char *endpoint, const char *status, unsigned n)
{
    struct registry *r = p->f.api.registry;
    struct slice values[] = {SLICE_LIT("GET"), slice_str(endpoint), slice_str(status)};
    struct slice outcome[] = {SLICE_LIT("availability"),
                              slice_str(status[0] == '5' ? "bad" : "good")};

    for (unsigned i = 0; i < n; i++) {
        metric_add(p->f.loop.shard, series_get(r, METRIC_HTTP_REQUESTS, values), 1);
        (void)histogram_observe(p->f.loop.shard, series_get(r, METRIC_HTTP_DURATION, values),
                                bounds_duration, N_BOUNDS_DURATION, 3 * MS);
        metric_add(p->f.loop.shard, series_get(r, METRIC_SLO_EVENTS, outcome), 1);
    }
}

static uint64_t at(uint64_t seconds)
{
    return FAKE_START_NS + seconds * NS_PER_SEC;
}

static void look(struct past *p, uint64_t seconds)
{
    status_cells_read(p->cells, &p->now);
    status_view_make(&p->f.api, p->history, &p->now, at(seconds), &p->view);
}

/* Time goes by without anything happening. */
static void idle(struct past *p, uint64_t from, uint64_t to)
{
    for (uint64_t s = from; s <= to; s++) {
        status_cells_read(p->cells, &p->now);
        history_add(p->history, at(s), &p->now);
    }
}

static void expect_near(double got, double want)
{
    double off = got - want;

    if (off > 1e-9 || off < -1e-9)
        print_error("got %.12f, want %.12f\n", got, want);
    assert_true(off <= 1e-9 && off >= -1e-9);
}

TEST(a_young_process_says_what_happened_since_its_start)
{
    struct past p;

    start(&p);
    answered(&p, "/", "200", 30);
    answered(&p, "/contact", "503", 10);
    look(&p, 20);
    for (size_t span = 0; span < STATUS_SPANS; span++) {
        assert_true(p.view.windows[span].since_start);
        expect_near(p.view.windows[span].seconds, 20);
        assert_int_equal(p.view.windows[span].requests, 40);
        assert_int_equal(p.view.windows[span].server_errors, 10);
        assert_true(p.view.windows[span].latency.any);
        expect_near(p.view.windows[span].latency.p50, 0.00375);
        expect_near(p.view.windows[span].slo[SLO_AVAILABILITY].burn.value, 250);
        assert_false(p.view.windows[span].slo[SLO_CONTACT].burn.any);
    }
    assert_int_equal(p.view.n_rows, 2);
    assert_true(slice_eq(p.view.rows[1].endpoint, SLICE_LIT("/contact")));
    assert_int_equal(p.view.rows[1].requests, 10);
    assert_int_equal(p.view.rows[1].server_errors, 10);
    assert_int_equal(p.view.rows[1].span[STATUS_5M].server_errors, 10);
    assert_int_equal(p.view.uptime_ns, 20 * NS_PER_SEC);
    stop(&p);
}

TEST(a_window_forgets_what_is_older)
{
    struct past p;

    start(&p);
    answered(&p, "/", "503", 10);
    idle(&p, 1, 310);
    answered(&p, "/", "200", 7);
    look(&p, 311);
    assert_false(p.view.windows[STATUS_5M].since_start);
    expect_near(p.view.windows[STATUS_5M].seconds, 301);
    assert_int_equal(p.view.windows[STATUS_5M].requests, 7);
    assert_int_equal(p.view.windows[STATUS_5M].server_errors, 0);
    assert_int_equal(p.view.rows[0].span[STATUS_5M].requests, 7);
    assert_true(p.view.windows[STATUS_1H].since_start);
    assert_int_equal(p.view.windows[STATUS_1H].requests, 17);
    assert_int_equal(p.view.rows[0].span[STATUS_1H].server_errors, 10);
    assert_int_equal(p.view.totals.requests, 17);
    idle(&p, 311, 4000);
    look(&p, 4001);
    assert_false(p.view.windows[STATUS_1H].since_start);
    assert_int_equal(p.view.windows[STATUS_1H].requests, 0);
    assert_false(p.view.windows[STATUS_1H].latency.any);
    assert_int_equal(p.view.totals.requests, 17);
    stop(&p);
}

TEST(the_curves_end_with_the_newest_second)
{
    struct past p;

    start(&p);
    idle(&p, 1, 3);
    answered(&p, "/", "200", 5);
    answered(&p, "/", "500", 2);
    idle(&p, 4, 4);
    look(&p, 4);
    assert_int_equal(p.view.n_points, 4);
    expect_near(p.view.points[2].requests, 0);
    assert_false(p.view.points[2].p99.any);
    expect_near(p.view.points[3].requests, 7);
    expect_near(p.view.points[3].server_errors, 2);
    assert_true(p.view.points[3].p99.any);
    assert_int_equal(p.view.n_burns, 0); /* no snapshot yet but the start */
    idle(&p, 5, 14);
    look(&p, 14);
    expect_near(p.view.points[4].requests, 0);
    assert_true(p.view.points[12].p99.any); /* the p99 curve looks back for 10 seconds */
    assert_false(p.view.points[13].p99.any);
    assert_int_equal(p.view.n_burns, 1);
    expect_near(p.view.burns[0][SLO_AVAILABILITY].value, 2.0 / 7 / 0.001);
    idle(&p, 15, 5000);
    look(&p, 5000);
    assert_int_equal(p.view.n_points, STATUS_POINTS);
    assert_in_range(p.view.n_burns, 100, STATUS_BURN_POINTS);
    assert_false(p.view.burns[0][SLO_AVAILABILITY].any);
    stop(&p);
}

TEST(what_is_now_is_read_from_the_gauges)
{
    struct past p;

    start(&p);
    gauge_of(&p, METRIC_DEPENDENCY_UP, "store", 1);
    gauge_of(&p, METRIC_HTTP_IN_FLIGHT, "/", 0);
    gauge_of(&p, METRIC_HTTP_IN_FLIGHT, "/contact", 3);
    gauge_of(&p, METRIC_WORKER_CONNECTIONS, "0", 4);
    gauge_of(&p, METRIC_WORKER_CONNECTIONS, "1", 5);
    gauge(&p, METRIC_CONNECTIONS_LIMIT, 100);
    gauge(&p, METRIC_STORE_QUEUE, 6);
    gauge(&p, METRIC_STORE_QUEUE_LIMIT, 4096);
    gauge(&p, METRIC_STORE_PROBE, 70000);
    gauge(&p, METRIC_CONFIG_RESTART, 1);
    look(&p, 1);
    assert_int_equal(p.view.in_flight, 3);
    assert_int_equal(p.view.n_busy, 1);
    assert_true(slice_eq(p.view.busy[0].endpoint, SLICE_LIT("/contact")));
    assert_int_equal(p.view.connections, 9);
    assert_int_equal(p.view.connections_limit, 100);
    assert_int_equal(p.view.queue_length, 6);
    assert_int_equal(p.view.n_dependencies, 1);
    assert_true(p.view.dependencies[0].up);
    expect_near(p.view.dependencies[0].latency.value, 0.00007);
    expect_near(p.view.objective[SLO_LATENCY], 0.999);
    assert_true(p.view.restart_required);
    assert_int_equal(p.view.verdict.level, STATUS_WELL);
    stop(&p);
}

/* The i-th of `n` dependencies is down, all the others are up. */
static void expect_seen_down(unsigned n, unsigned i)
{
    struct past p;
    char name[32], text[32];

    start(&p);
    for (unsigned k = 0; k < n; k++) {
        (void)snprintf(name, sizeof(name), "d%u", k);
        gauge_of(&p, METRIC_DEPENDENCY_UP, name, k != i);
    }
    look(&p, 1);
    (void)snprintf(text, sizeof(text), "D%u down", i);
    assert_int_equal(p.view.n_dependencies, STATUS_DEPENDENCIES_MAX);
    assert_int_equal(p.view.verdict.level, STATUS_TROUBLE);
    assert_int_equal(p.view.verdict.n, 1);
    assert_string_equal(p.view.verdict.reasons[0].text, text);
    stop(&p);
}

TEST(no_dependency_that_is_down_is_missed)
{
    for (unsigned n = STATUS_DEPENDENCIES_MAX; n <= STATUS_DEPENDENCIES_MAX + 1; n++)
        for (unsigned i = 0; i < n; i++)
            expect_seen_down(n, i);
}

TEST(other_reasons_have_room_beside_all_dependencies)
{
    char name[32];
    struct past p;

    start(&p);
    for (unsigned k = 0; k <= STATUS_DEPENDENCIES_MAX; k++) {
        (void)snprintf(name, sizeof(name), "d%u", k);
        gauge_of(&p, METRIC_DEPENDENCY_UP, name, 0);
    }
    gauge(&p, METRIC_CONFIG_RELOAD_OK, 0);
    p.f.api.draining = true;
    look(&p, 1);
    assert_int_equal(p.view.verdict.n, STATUS_DEPENDENCIES_MAX + 2);
    assert_string_equal(p.view.verdict.reasons[STATUS_DEPENDENCIES_MAX + 1].text,
                        "The last reload failed: the old configuration stays");
    stop(&p);
}

/* `n` endpoints are busy; neither the first nor the last of them is the busiest. */
static void expect_busiest_first(unsigned n)
{
    struct past p;
    char name[32];
    uint64_t sum = 0;

    start(&p);
    for (unsigned k = 0; k < n; k++) {
        unsigned in_flight = (k + n / 2) % n + 1;

        (void)snprintf(name, sizeof(name), "/%u", in_flight);
        gauge_of(&p, METRIC_HTTP_IN_FLIGHT, name, in_flight);
        sum += in_flight;
    }
    look(&p, 1);
    assert_int_equal(p.view.in_flight, sum);
    assert_int_equal(p.view.n_busy, n < STATUS_ENDPOINTS_MAX ? n : STATUS_ENDPOINTS_MAX);
    for (size_t i = 0; i < p.view.n_busy; i++) {
        (void)snprintf(name, sizeof(name), "/%zu", n - i);
        assert_int_equal(p.view.busy[i].in_flight, n - i);
        assert_true(slice_eq(p.view.busy[i].endpoint, slice_str(name)));
    }
    stop(&p);
}

TEST(the_busiest_endpoints_come_first_and_the_idlest_are_left_out)
{
    expect_busiest_first(1);
    expect_busiest_first(STATUS_ENDPOINTS_MAX - 1);
    expect_busiest_first(STATUS_ENDPOINTS_MAX);
    expect_busiest_first(STATUS_ENDPOINTS_MAX + 1);
    expect_busiest_first(STATUS_ENDPOINTS_MAX + 9);
}

TEST(the_verdict_comes_from_all_of_it)
{
    struct past p;

    start(&p);
    gauge_of(&p, METRIC_DEPENDENCY_UP, "store", 0);
    gauge(&p, METRIC_CONFIG_RELOAD_OK, 0);
    gauge(&p, METRIC_LOG_DROPPED, 2);
    answered(&p, "/", "500", 3);
    p.f.api.draining = true;
    look(&p, 5);
    assert_int_equal(p.view.verdict.level, STATUS_TROUBLE);
    assert_int_equal(p.view.verdict.n, 5);
    assert_string_equal(p.view.verdict.reasons[1].text, "Store down");
    assert_string_equal(p.view.verdict.reasons[2].text,
                        "Budget of availability burns 1000 times too fast");
    stop(&p);
}

TEST(the_page_is_answered_whole_and_under_a_strict_policy)
{
    struct past p;

    start(&p);
    status_get(&p.f.rq, &p.f.api);
    assert_int_equal(p.f.sent, 1);
    assert_int_equal(p.f.rq.status, 200);
    assert_true(slice_eq(p.f.rq.content_type, SLICE_LIT("text/html; charset=utf-8")));
    expect_header(&p.f, "cache-control", "no-store");
    expect_header(&p.f, "referrer-policy", "no-referrer");
    expect_well_formed(&p.f);
    expect_inline_hash(&p.f, "<style>", "</style>");
    expect_inline_hash(&p.f, "<script>", "</script>");
    assert_non_null(strstr(fake_header(&p.f, "content-security-policy"), "default-src 'none'; "));
    assert_non_null(strstr(fake_header(&p.f, "content-security-policy"), "connect-src 'self'; "));
    assert_false(answer_has(&p.f, "src=\""));
    assert_false(answer_has(&p.f, "href=\"http"));
    assert_false(answer_has(&p.f, "url("));
    assert_false(answer_has(&p.f, "{{"));
    (void)find(&p.f, "href=\"/\" aria-current=\"true\"");
    stop(&p);
}

TEST(the_query_chooses_the_window)
{
    static const struct {
        const char *query;
        bool hour;
    } cases[] = {
        {"window=1h",          true },
        {"a=b&window=1h&c",    true },
        {"window=5m",          false},
        {"window=1hour",       false},
        {"xwindow=1h",         false},
        {"",                   false},
        {"window=<script>&%%", false},
    };
    struct past p;

    start(&p);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_request(&p.f, HTTP_GET);
        p.f.rq.head.query = slice_str(cases[i].query);
        status_get(&p.f.rq, &p.f.api);
        (void)find(&p.f, cases[i].hour ? "href=\"/?window=1h\" aria-current=\"true\""
                                       : "href=\"/\" aria-current=\"true\"");
    }
    stop(&p);
}

TEST(the_json_says_what_the_page_says)
{
    struct past p;
    const char *message = "";

    start(&p);
    p.f.api.recent = recent_new(1);
    recent_put(recent_ring(p.f.api.recent, 0),
               &(struct recent_error){.ended_ms = UINT64_C(1795274221207),
                                      .duration_ns = 12 * MS,
                                      .endpoint = "/contact",
                                      .status = 503,
                                      .method = HTTP_POST,
                                      .id = SLICE_LIT("an-id.1")});
    answered(&p, "/", "200", 1234);
    answered(&p, "/", "503", 1);
    status_tick(p.f.api.status, FAKE_START_NS + NS_PER_SEC);
    status_json_get(&p.f.rq, &p.f.api);
    assert_int_equal(p.f.rq.status, 200);
    assert_true(slice_eq(p.f.rq.content_type, SLICE_LIT("application/json")));
    expect_header(&p.f, "cache-control", "no-store");
    assert_int_equal(json_scan(p.f.rq.answer, &message), JSON_OK);
    (void)find(&p.f, "\"totals\":{\"requests\":1235,\"client_errors\":0,\"server_errors\":1,");
    (void)find(&p.f, "\"correlation_id\":\"an-id.1\"");
    (void)find(&p.f, "\"method\":\"GET\",\"endpoint\":\"/\",\"requests\":1235,"
                     "\"server_errors\":1,");
    (void)find(&p.f, "\"requests_per_second\":[1235],\"server_errors_per_second\":[1],");
    fake_request(&p.f, HTTP_GET);
    status_get(&p.f.rq, &p.f.api);
    (void)find(&p.f, "<dd id=\"total\">1,235</dd>");
    (void)find(&p.f, "<th scope=\"row\">GET /</th><td>1,235</td>");
    (void)find(&p.f, "<td>2026-11-21 15:17:01</td><td>503</td><td>POST /contact</td>"
                     "<td>12.0 ms</td><td>an-id.1</td>");
    recent_free(p.f.api.recent);
    p.f.api.recent = NULL;
    stop(&p);
}

static void count_collect(void *ctx)
{
    (*(unsigned *)ctx)++;
}

TEST(a_tick_keeps_a_second_and_every_tenth_collects)
{
    struct past p;
    unsigned collects = 0;

    start(&p);
    registry_on_collect(p.f.api.registry, count_collect, &collects);
    for (unsigned ms = 0; ms <= 30500; ms += 20) /* as often as during a drain */
        status_tick(p.f.api.status, FAKE_START_NS + ms * NS_PER_MS);
    assert_int_equal(collects, 3);
    status_json_get(&p.f.rq, &p.f.api);
    assert_int_equal(collects, 4);
    (void)find(&p.f, "\"requests_per_second\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                     "0,0,0,0,0");
    stop(&p);
}

RUN_TESTS(T(a_young_process_says_what_happened_since_its_start),
          T(a_window_forgets_what_is_older),
          T(the_curves_end_with_the_newest_second),
          T(what_is_now_is_read_from_the_gauges),
          T(no_dependency_that_is_down_is_missed),
          T(other_reasons_have_room_beside_all_dependencies),
          T(the_busiest_endpoints_come_first_and_the_idlest_are_left_out),
          T(the_verdict_comes_from_all_of_it),
          T(the_page_is_answered_whole_and_under_a_strict_policy),
          T(the_query_chooses_the_window),
          T(the_json_says_what_the_page_says),
          T(a_tick_keeps_a_second_and_every_tenth_collects))
