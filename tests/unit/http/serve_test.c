/* SPDX-License-Identifier: MIT */
/*
 * From a raw head to a handler: the correlation ID, the client's address, the guard, and where a
 * request goes.
 */
#include "tests/unit/http/fake.h"

#include <cjson/cJSON.h>

struct seen {
    unsigned calls;
    struct request *rq;
};

static void ok_get(struct request *rq, void *ctx)
{
    struct seen *seen = ctx;

    seen->calls++;
    seen->rq = rq;
    answer_borrowed(rq, 200, "text/plain", SLICE_LIT("hello"));
}

static const struct route routes[] = {
    {HTTP_GET,  "/ok",   ok_get, "200", IN_AVAILABILITY, NULL, NULL, NULL},
    {HTTP_POST, "/post", ok_get, "200", IN_CONTACT,      NULL, NULL, NULL},
};

struct served {
    struct fake f;
    struct seen seen;
};

static void start(struct served *s)
{
    s->seen = (struct seen){0, NULL};
    fake_init(&s->f, routes, ARRAY_LEN(routes), &s->seen);
}

/* A GET of /ok with these fields. */
static struct slice get_with(struct buf *b, const char *fields)
{
    buf_clear(b);
    buf_addf(b, "GET /ok HTTP/1.1\r\n" HOST "%s\r\n", fields);
    return (struct slice){b->data, b->len};
}

/* ---- correlation ---- */

#define ID64 "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._"

TEST(a_valid_id_of_the_client_is_kept_else_one_is_made)
{
    static const struct {
        const char *fields, *want; /* NULL: one is made */
    } rows[] = {
        {"X-Correlation-ID: abc-1\r\n",                        "abc-1"  },
        {"x-correlation-id:  a.b_c-9  \r\n",                   "a.b_c-9"},
        {"X-Correlation-ID: " ID64 "\r\n",                     ID64     },
        {"X-Request-ID: def-2\r\n",                            "def-2"  },
        {"X-Request-ID: def-2\r\nX-Correlation-ID: abc-1\r\n", "abc-1"  },
        {"X-Correlation-ID: abc-1\r\nX-Request-ID: bad!\r\n",  "abc-1"  },
        {"",                                                   NULL     },
        {"X-Correlation-ID:\r\n",                              NULL     },
        {"X-Correlation-ID: " ID64 "x\r\n",                    NULL     },
        {"X-Correlation-ID: a b\r\n",                          NULL     },
        {"X-Correlation-ID: a\tb\r\n",                         NULL     },
        {"X-Correlation-ID: a%0d%0ab\r\n",                     NULL     },
        {"X-Correlation-ID: \xc3\xa4\r\n",                     NULL     },
        {"X-Correlation-ID: <script>\r\n",                     NULL     },
        {"X-Correlation-ID: a\r\nX-Correlation-ID: b\r\n",     NULL     },
        {"X-Correlation-ID: a\r\nX-Correlation-ID: a\r\n",     NULL     },
        {"X-Correlation-ID: bad!\r\nX-Request-ID: def-2\r\n",  NULL     },
        {"X-Request-ID: a\r\nX-Request-ID: b\r\n",             NULL     },
        {"X-Request-ID: bad!\r\n",                             NULL     },
    };
    struct buf raw = BUF_INIT;
    struct served s;

    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice id;

        fake_ask(&s.f, get_with(&raw, rows[i].fields));
        id = s.f.rq.correlation_id;
        if (rows[i].want != NULL)
            expect_slice(id, rows[i].want);
        assert_true(correlation_id_valid(id));
        if (rows[i].want == NULL) { /* a UUIDv7 */
            assert_int_equal(id.n, ID_LEN);
            assert_int_equal(id.p[14], '7');
        }
    }
    buf_release(&raw);
    fake_release(&s.f);
}

TEST(ids_that_are_made_rise)
{
    char last[ID_LEN] = "";
    struct served s;

    start(&s);
    for (int i = 0; i < 1000; i++) {
        fake_ask(&s.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "\r\n"));
        assert_int_equal(s.f.rq.correlation_id.n, ID_LEN);
        assert_true(memcmp(last, s.f.rq.correlation_id.p, ID_LEN) < 0);
        memcpy(last, s.f.rq.correlation_id.p, ID_LEN);
    }
    fake_release(&s.f);
}

TEST(the_id_outlives_the_bytes_it_came_in)
{
    char raw[] = "GET /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n";
    struct served s;

    start(&s);
    fake_serve(&s.f, slice_str(raw));
    memset(raw, 'x', sizeof(raw));
    expect_slice(s.f.rq.correlation_id, "abc-1");
    fake_release(&s.f);
}

TEST(a_valid_trace_is_remembered)
{
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
         "0af7651916cd43dd8448eb211c80319c"                           },
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", ""},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", ""},
        {"garbage",                                                 ""},
        {"",                                                        ""},
    };
    struct buf raw = BUF_INIT, field = BUF_INIT;
    struct served s;

    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&field);
        buf_addf(&field, "Traceparent: %s\r\n", rows[i].value);
        fake_ask(&s.f, get_with(&raw, buf_cstr(&field)));
        expect_slice(s.f.rq.trace_id, rows[i].want);
    }
    buf_release(&field);
    buf_release(&raw);
    fake_release(&s.f);
}

/* ---- every answer ---- */

TEST(every_kind_of_answer_has_the_id)
{
    static const struct {
        const char *raw;
        unsigned status;
    } rows[] = {
        {"GET /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",       200},
        {"HEAD /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",      200},
        {"OPTIONS /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",   204},
        {"OPTIONS * HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",     204},
        {"GET /no HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",       404},
        {"GET /metrics HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",  404},
        {"PUT /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",       405},
        {"get /ok HTTP/1.1\r\n" HOST "X-Correlation-ID: abc-1\r\n\r\n",       405},
        {"GET /ok HTTP/1.1\r\nX-Correlation-ID: abc-1\r\n\r\n",               400},
        {"GET /ok HTTP/1.1\r\nHost: evil\r\nX-Correlation-ID: abc-1\r\n\r\n", 421},
        {"POST /post HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nX-Correlation-ID: "
         "abc-1\r\n\r\n",                                            411},
    };
    const struct slice hosts[] = {SLICE_LIT("shop.example")};
    struct served s;

    start(&s);
    s.f.live.hosts = hosts;
    s.f.live.n_hosts = 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_ask(&s.f, slice_str(rows[i].raw));
        assert_int_equal(s.f.sent, 1);
        assert_int_equal(s.f.rq.status, rows[i].status);
        expect_slice(s.f.rq.correlation_id, "abc-1");
        if (rows[i].status >= 400)
            assert_int_equal(count_of(s.f.rq.answer, "\"correlation_id\":\"abc-1\""), 1);
    }
    fake_release(&s.f);
}

/* ---- where it goes ---- */

static void expect_error(const struct fake *f, unsigned status, const char *code)
{
    cJSON *json = cJSON_ParseWithLength(f->rq.answer.p, f->rq.answer.n);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");

    assert_int_equal(f->rq.status, status);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(error, "code")), code);
    cJSON_Delete(json);
}

TEST(a_handler_gets_its_request_and_its_context)
{
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("GET /ok?a=b HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.seen.calls, 1);
    assert_ptr_equal(s.seen.rq, &s.f.rq);
    assert_int_equal(s.f.rq.status, 200);
    assert_ptr_equal(s.f.rq.route, &routes[0]);
    assert_string_equal(s.f.rq.endpoint->label, "/ok");
    expect_slice(s.f.rq.head.query, "a=b");
    assert_ptr_equal(request_shard(&s.f.rq), s.f.loop.shard);
    assert_ptr_equal(loop_shard(&s.f.loop), s.f.loop.shard);
    assert_ptr_equal(request_ids(&s.f.rq), &s.f.loop.ids);
    assert_ptr_equal(request_app_live(&s.f.rq), s.f.live.app);
    fake_release(&s.f);
}

TEST(head_goes_where_get_goes)
{
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("HEAD /ok HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.seen.calls, 1);
    assert_int_equal(s.f.rq.status, 200);
    expect_slice(s.f.rq.answer, "hello"); /* its length is told; the transport sends no body */
    fake_ask(&s.f, SLICE_LIT("HEAD /post HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.f.rq.status, 405);
    fake_release(&s.f);
}

TEST(an_unknown_path_is_404)
{
    static const char *const lines[] = {"GET /no",      "POST /no", "DELETE /ok/", "GET //ok",
                                        "GET /OK",      "GET /",    "HEAD /no",    "OPTIONS /no",
                                        "GET /metrics", "GET /%6fk"};
    struct buf raw = BUF_INIT;
    struct served s;

    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        buf_clear(&raw);
        buf_addf(&raw, "%s HTTP/1.1\r\n" HOST "\r\n", lines[i]);
        fake_ask(&s.f, (struct slice){raw.data, raw.len});
        expect_error(&s.f, 404, "not_found");
        assert_string_equal(s.f.rq.endpoint->label, "unmatched");
        assert_int_equal(answer_header_value(&s.f.rq, "allow").n, 0);
        assert_false(s.f.rq.close);
    }
    assert_int_equal(s.seen.calls, 0);
    buf_release(&raw);
    fake_release(&s.f);
}

TEST(a_wrong_method_is_405_and_allow_lists_the_right_ones)
{
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("PATCH /ok HTTP/1.1\r\n" HOST "\r\n"));
    expect_error(&s.f, 405, "method_not_allowed");
    expect_slice(answer_header_value(&s.f.rq, "allow"), "GET, HEAD, OPTIONS");
    assert_false(s.f.rq.close);
    fake_ask(&s.f, SLICE_LIT("GET /post HTTP/1.1\r\n" HOST "\r\n"));
    expect_error(&s.f, 405, "method_not_allowed");
    expect_slice(answer_header_value(&s.f.rq, "allow"), "POST, OPTIONS");
    fake_ask(&s.f, SLICE_LIT("POST /ok HTTP/1.1\r\n" HOST "X-HTTP-Method-Override: GET\r\n\r\n"));
    assert_int_equal(s.f.rq.status, 405); /* nothing overrides the method */
    assert_int_equal(s.seen.calls, 0);
    fake_release(&s.f);
}

TEST(options_tells_what_a_path_takes)
{
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("OPTIONS /post HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.f.rq.status, 204);
    assert_int_equal(s.f.rq.answer.n, 0);
    expect_slice(answer_header_value(&s.f.rq, "allow"), "POST, OPTIONS");
    fake_ask(&s.f, SLICE_LIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.f.rq.status, 204);
    expect_slice(answer_header_value(&s.f.rq, "allow"), "GET, HEAD, POST, OPTIONS");
    assert_int_equal(s.seen.calls, 0);
    fake_release(&s.f);
}

TEST(what_the_guard_refuses_reaches_no_handler_and_closes)
{
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "X : y\r\n\r\n"));
    expect_error(&s.f, 400, "bad_request");
    assert_int_equal(s.f.rq.refusal, REFUSED_SYNTAX);
    assert_true(s.f.rq.close);
    assert_null(s.f.rq.endpoint);
    assert_null(s.f.rq.route);
    assert_int_equal(s.seen.calls, 0);
    fake_release(&s.f);
}

TEST(each_port_has_its_host_rule)
{
    static const struct {
        const char *host;
        unsigned open, listed, internal; /* status: no hosts; hosts; the metrics port */
    } rows[] = {
        {"shop.example",      200, 200, 200},
        {"Shop.Example:8000", 200, 200, 200},
        {"evil.example",      200, 421, 421},
        {"127.0.0.1:9091",    200, 421, 200},
        {"[::1]:9091",        200, 421, 200},
        {"localhost",         200, 421, 200},
        {"sidelight-ops",     200, 421, 200},
    };
    const struct slice hosts[] = {SLICE_LIT("shop.example")};
    struct buf raw = BUF_INIT;
    struct served s;

    start(&s);
    s.f.service.alias = SLICE_LIT("sidelight-ops");
    s.f.live.hosts = hosts;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned want[] = {rows[i].open, rows[i].listed, rows[i].internal};

        buf_clear(&raw);
        buf_addf(&raw, "GET /ok HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
        for (size_t k = 0; k < ARRAY_LEN(want); k++) {
            s.f.live.n_hosts = k > 0;
            s.f.service.internal = k == 2;
            fake_ask(&s.f, (struct slice){raw.data, raw.len});
            assert_int_equal(s.f.rq.status, want[k]);
            assert_int_equal(s.f.rq.refusal, want[k] == 421 ? REFUSED_MISDIRECTED : REFUSED_NOT);
        }
    }
    buf_release(&raw);
    fake_release(&s.f);
}

TEST(http_1_0_without_a_host_is_served_only_where_any_host_is)
{
    const struct slice hosts[] = {SLICE_LIT("shop.example")};
    struct served s;

    start(&s);
    fake_ask(&s.f, SLICE_LIT("GET /ok HTTP/1.0\r\n\r\n"));
    assert_int_equal(s.f.rq.status, 200);
    s.f.live.hosts = hosts;
    s.f.live.n_hosts = 1;
    fake_ask(&s.f, SLICE_LIT("GET /ok HTTP/1.0\r\n\r\n"));
    assert_int_equal(s.f.rq.status, 421);
    fake_release(&s.f);
}

RUN_TESTS(T(a_valid_id_of_the_client_is_kept_else_one_is_made),
          T(ids_that_are_made_rise),
          T(the_id_outlives_the_bytes_it_came_in),
          T(a_valid_trace_is_remembered),
          T(every_kind_of_answer_has_the_id),
          T(a_handler_gets_its_request_and_its_context),
          T(head_goes_where_get_goes),
          T(an_unknown_path_is_404),
          T(a_wrong_method_is_405_and_allow_lists_the_right_ones),
          T(options_tells_what_a_path_takes),
          T(what_the_guard_refuses_reaches_no_handler_and_closes),
          T(each_port_has_its_host_rule),
          T(http_1_0_without_a_host_is_served_only_where_any_host_is))
