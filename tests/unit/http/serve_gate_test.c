/* SPDX-License-Identifier: MIT */
/* Routes with gates: what a closed one answers, and under what it counts. */
#include "tests/unit/http/fake.h"

struct gated {
    struct fake f;
    bool open;
    unsigned calls, too_large;
};

static void handler(struct request *rq, void *ctx)
{
    ((struct gated *)ctx)->calls++;
    answer_borrowed(rq, 200, NULL, SLICE_LIT("hello"));
}

static void too_large(UNUSED struct request *rq, void *ctx)
{
    ((struct gated *)ctx)->too_large++;
}

static bool gate(UNUSED const struct request *rq, void *ctx)
{
    return ((struct gated *)ctx)->open;
}

static const struct route routes[] = {
    {HTTP_GET,  "/read",  handler, "200", IN_AVAILABILITY, NULL, NULL,      gate},
    {HTTP_POST, "/read",  handler, "200", IN_AVAILABILITY, NULL, NULL,      NULL},
    {HTTP_POST, "/drill", handler, "200", IN_AVAILABILITY, NULL, too_large, gate},
};

static void start(struct gated *g, bool open)
{
    g->open = open;
    g->calls = g->too_large = 0;
    fake_init(&g->f, routes, ARRAY_LEN(routes), g);
}

static void ask(struct gated *g, const char *line)
{
    struct buf raw = BUF_INIT;

    buf_addf(&raw, "%s HTTP/1.1\r\n" HOST "\r\n", line);
    fake_ask(&g->f, (struct slice){raw.data, raw.len});
    buf_release(&raw);
}

TEST(a_closed_route_is_404_and_what_allow_names_is_open)
{
    static const struct {
        const char *line;
        unsigned open, closed;                 /* status */
        const char *open_allow, *closed_allow; /* "": none */
    } rows[] = {
        {"GET /read",      200, 404, "",                         ""             },
        {"HEAD /read",     200, 404, "",                         ""             },
        {"POST /read",     200, 200, "",                         ""             },
        {"PUT /read",      405, 405, "GET, HEAD, POST, OPTIONS", "POST, OPTIONS"},
        {"OPTIONS /read",  204, 204, "GET, HEAD, POST, OPTIONS", "POST, OPTIONS"},
        {"POST /drill",    200, 404, "",                         ""             },
        {"GET /drill",     405, 404, "POST, OPTIONS",            ""             },
        {"DELETE /drill",  405, 404, "POST, OPTIONS",            ""             },
        {"OPTIONS /drill", 204, 404, "POST, OPTIONS",            ""             },
    };
    struct gated g;

    start(&g, true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        g.open = true;
        ask(&g, rows[i].line);
        assert_int_equal(g.f.rq.status, rows[i].open);
        expect_slice(answer_header_value(&g.f.rq, "allow"), rows[i].open_allow);
        g.open = false;
        ask(&g, rows[i].line);
        assert_int_equal(g.f.rq.status, rows[i].closed);
        expect_slice(answer_header_value(&g.f.rq, "allow"), rows[i].closed_allow);
        assert_string_equal(g.f.rq.endpoint->label, rows[i].closed == 404 ? "unmatched" : "/read");
    }
    assert_int_equal(g.calls, 4 + 1);
    fake_release(&g.f);
}

TEST(a_closed_route_answers_as_an_unknown_path_does)
{
    struct buf unknown = BUF_INIT;
    struct gated g;

    start(&g, false);
    fake_ask(&g.f, SLICE_LIT("POST /no HTTP/1.1\r\n" HOST "X-Request-ID: a\r\n\r\n"));
    buf_add_slice(&unknown, g.f.rq.answer);
    fake_ask(&g.f, SLICE_LIT("POST /drill HTTP/1.1\r\n" HOST "X-Request-ID: a\r\n\r\n"));
    assert_true(slice_eq(g.f.rq.answer, (struct slice){unknown.data, unknown.len}));
    assert_int_equal(g.f.rq.n_headers, 0);
    buf_release(&unknown);
    fake_release(&g.f);
}

TEST(a_closed_route_counts_as_unmatched_and_in_no_slo)
{
    struct gated g;

    start(&g, false);
    ask(&g, "GET /read");
    ask(&g, "POST /drill");
    ask(&g, "OPTIONS /drill");
    expect_sample(&g.f,
                  "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 1");
    expect_sample(&g.f,
                  "http_requests_total{method=\"POST\",endpoint=\"unmatched\",status=\"404\"} 1");
    expect_sample(&g.f, "http_errors_total{type=\"client\",endpoint=\"unmatched\"} 3");
    expect_sample(&g.f, "http_requests_total{method=\"GET\",endpoint=\"/read\",status=\"200\"} 0");
    expect_sample(&g.f, "http_errors_total{type=\"client\",endpoint=\"/drill\"} 0");
    expect_sample(&g.f, "slo_events_total{slo=\"availability\",outcome=\"good\"} 0");
    expect_sample(&g.f, "slo_events_total{slo=\"availability\",outcome=\"excluded\"} 0");
    ask(&g, "POST /read");
    expect_sample(&g.f, "slo_events_total{slo=\"availability\",outcome=\"good\"} 1");
    fake_release(&g.f);
}

TEST(a_refused_request_counts_for_a_route_only_while_that_is_open)
{
    struct gated g;

    start(&g, false);
    for (unsigned open = 0; open < 2; open++) {
        g.open = open == 1;
        fake_ask(&g.f, SLICE_LIT("GET /read HTTP/1.1\r\n" HOST "X : y\r\n\r\n"));
        fake_begin(&g.f, SLICE_LIT("POST /drill HTTP/1.1\r\n" HOST "\r\n"));
        g.f.rq.refusal = REFUSED_BODY_TOO_LARGE; /* libh2o found it */
        g.f.rq.status = 413;
        finish(&g.f.rq, true, 0);
        assert_int_equal(g.too_large, open);
        expect_sample(&g.f, open == 0
                                ? "slo_events_total{slo=\"availability\",outcome=\"excluded\"} 0"
                                : "slo_events_total{slo=\"availability\",outcome=\"excluded\"} 2");
    }
    expect_sample(&g.f, "http_rejected_total{reason=\"body_too_large\"} 2");
    assert_int_equal(g.calls, 0);
    fake_release(&g.f);
}

RUN_TESTS(T(a_closed_route_is_404_and_what_allow_names_is_open),
          T(a_closed_route_answers_as_an_unknown_path_does),
          T(a_closed_route_counts_as_unmatched_and_in_no_slo),
          T(a_refused_request_counts_for_a_route_only_while_that_is_open))
