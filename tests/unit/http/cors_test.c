/* SPDX-License-Identifier: MIT */
/* Whose origin is allowed, and which header fields say so on which answer. */
#include "tests/unit/http/fake.h"

#include "http/cors.h"
#include "http/guard.h"

#define APP "https://app.example"

enum { FIELDS_MAX = 200, RAW_MAX = 400 };

static void varying_get(struct request *rq, UNUSED void *ctx)
{
    answer_header(rq, "vary", SLICE_LIT("Accept"));
    answer_borrowed(rq, 200, "text/plain", SLICE_LIT("hello"));
}

static void later_post(struct request *rq, UNUSED void *ctx)
{
    answer_retry(rq, 429, "too_many", "Later.", NS_PER_SEC);
}

static bool closed(UNUSED const struct request *rq, UNUSED void *ctx)
{
    return false;
}

static const struct route routes[] = {
    {HTTP_GET,    "/ok", varying_get, "200", IN_AVAILABILITY, NULL, NULL, NULL  },
    {HTTP_POST,   "/ok", later_post,  "429", IN_AVAILABILITY, NULL, NULL, NULL  },
    {HTTP_DELETE, "/ok", varying_get, "200", IN_NONE,         NULL, NULL, closed},
};

static const struct slice origins[] = {
    {APP,                      sizeof(APP) - 1},
    {"http://localhost:3000",  21             },
    {"https://[2001:db8::1]",  21             },
    {"https://app.example:99", 22             },
};

static void start(struct fake *f)
{
    fake_init(f, routes, ARRAY_LEN(routes), NULL);
    f->live.origins = origins;
    f->live.n_origins = ARRAY_LEN(origins);
}

/* Asks with a request line and fields, which live as long as the request. */
static void ask(struct fake *f, const char *line, const char *fields)
{
    char *raw;
    int n;

    fake_request(f);
    raw = request_alloc(&f->rq, RAW_MAX);
    n = snprintf(raw, RAW_MAX, "%s HTTP/1.1\r\n" HOST "%s\r\n", line, fields);
    assert_in_range(n, 1, RAW_MAX - 1);
    request_begin(&f->rq, (struct slice){raw, (size_t)n});
    serve(&f->rq);
    finish(&f->rq, true, 0);
}

/* All header fields of CORS, and Vary, of the answer: "name: value\n" each. */
static const char *cors_fields(const struct fake *f, struct buf *b)
{
    buf_clear(b);
    for (size_t i = 0; i < f->rq.n_headers; i++) {
        const struct answer_header *h = &f->rq.headers[i];

        if (strcmp(h->name, "vary") == 0 || strncmp(h->name, "access-control-", 15) == 0)
            buf_addf(b, "%s: %.*s\n", h->name, (int)h->value.n, h->value.p);
    }
    return buf_cstr(b);
}

#define VARY "vary: Origin\n"
#define MAY_READ(origin)                        \
    VARY "access-control-allow-origin: " origin \
         "\naccess-control-expose-headers: X-Correlation-ID, Retry-After\n"
#define VARY_PREFLIGHT \
    "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"

/* ---- who ---- */

TEST(an_origin_is_allowed_byte_for_byte)
{
    static const struct {
        const char *fields;
        const char *allowed; /* NULL: refused */
    } rows[] = {
        {"Origin: " APP "\r\n",                          APP                     },
        {"origin:   " APP " \r\n",                       APP                     }, /* OWS */
        {"Origin: http://localhost:3000\r\n",            "http://localhost:3000" },
        {"Origin: https://[2001:db8::1]\r\n",            "https://[2001:db8::1]" },
        {"Origin: https://app.example:99\r\n",           "https://app.example:99"},
        {"",                                             NULL                    },
        {"Origin:\r\n",                                  NULL                    },
        {"Origin: null\r\n",                             NULL                    },
        {"Origin: *\r\n",                                NULL                    },
        {"Origin: http://app.example\r\n",               NULL                    },
        {"Origin: https://app.example.evil.example\r\n", NULL                    },
        {"Origin: https://app.example.evil\r\n",         NULL                    },
        {"Origin: https://evil.example/" APP "\r\n",     NULL                    },
        {"Origin: https://evilapp.example\r\n",          NULL                    },
        {"Origin: https://sub.app.example\r\n",          NULL                    },
        {"Origin: https://app.exampl\r\n",               NULL                    },
        {"Origin: HTTPS://app.example\r\n",              NULL                    },
        {"Origin: https://App.Example\r\n",              NULL                    },
        {"Origin: https://app.example/\r\n",             NULL                    },
        {"Origin: https://app.example.\r\n",             NULL                    },
        {"Origin: https://app.example:443\r\n",          NULL                    },
        {"Origin: https://app.example:8443\r\n",         NULL                    },
        {"Origin: https://app.example:9\r\n",            NULL                    },
        {"Origin: https://app.example:099\r\n",          NULL                    },
        {"Origin: http://localhost\r\n",                 NULL                    },
        {"Origin: https://localhost:3000\r\n",           NULL                    },
        {"Origin: https://user@app.example\r\n",         NULL                    },
        {"Origin: " APP "@evil.example\r\n",             NULL                    },
        {"Origin: https://app.example%00.evil\r\n",      NULL                    },
        {"Origin: https://app.example .evil\r\n",        NULL                    },
        {"Origin: https://app.example,https://b.c\r\n",  NULL                    },
        {"Origin: " APP " " APP "\r\n",                  NULL                    },
        {"Origin: https://\xd0\xb0pp.example\r\n",       NULL                    },
        {"Origin: " APP "\r\nOrigin: " APP "\r\n",       NULL                    },
        {"Origin: null\r\nOrigin: " APP "\r\n",          NULL                    },
        {"Origin: " APP "\r\nOrigin: null\r\n",          NULL                    },
        {"X-Origin: " APP "\r\nReferer: " APP "/\r\n",   NULL                    },
    };
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice want = rows[i].allowed != NULL ? slice_str(rows[i].allowed) : SLICE_NONE;

        ask(&f, "GET /ok", rows[i].fields);
        assert_int_equal(f.rq.status, 200); /* CORS is what a browser does with the answer */
        if (!slice_eq(answer_header_value(&f.rq, "access-control-allow-origin"), want))
            fail_msg("row %zu: %s", i, rows[i].fields);
        if (want.n == 0)
            assert_string_equal(cors_fields(&f, &b), VARY "vary: Accept\n");
        assert_int_equal(request_origin_allowed(&f.rq), want.n > 0);
    }
    buf_release(&b);
    fake_release(&f);
}

TEST(an_origin_with_a_nul_in_it_is_refused_as_a_whole)
{
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    fake_ask(&f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "Origin: " APP "\0.evil\r\n\r\n"));
    assert_int_equal(f.rq.status, 400);
    assert_false(request_origin_allowed(&f.rq));
    assert_string_equal(cors_fields(&f, &b), VARY);
    buf_release(&b);
    fake_release(&f);
}

TEST(the_own_site_is_allowed_to_handlers_though_not_listed)
{
    static const struct {
        const char *host, *origin;
        bool allowed;
    } rows[] = {
        {"shop.example",      "https://shop.example",      true },
        {"shop.example",      "http://shop.example",       true },
        {"Shop.Example",      "https://shop.example",      true },
        {"shop.example:8000", "http://shop.example:8000",  true },
        {"[::1]:8000",        "http://[::1]:8000",         true },
        {"shop.example:443",  "https://shop.example",      false},
        {"shop.example",      "https://shop.example:443",  false},
        {"shop.example:8000", "http://shop.example",       false},
        {"shop.example",      "http://shop.example:8000",  false},
        {"shop.example",      "https://shop.example.evil", false},
        {"shop.example",      "https://a.shop.example",    false},
        {"shop.example",      "https://shop.example/",     false},
        {"shop.example",      "ftp://shop.example",        false},
        {"shop.example",      "HTTP://shop.example",       false},
        {"shop.example",      "shop.example",              false},
        {"shop.example",      "//shop.example",            false},
        {"shop.example",      "http://",                   false},
        {"null",              "null",                      false},
    };
    struct buf raw = BUF_INIT;
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned k = 0; k < 2; k++) {
            f.live.n_origins = k * ARRAY_LEN(origins); /* with a list and without */
            buf_clear(&raw);
            buf_addf(&raw, "GET /ok HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n\r\n", rows[i].host,
                     rows[i].origin);
            fake_ask(&f, (struct slice){raw.data, raw.len});
            assert_int_equal(f.rq.status, 200);
            if (request_origin_allowed(&f.rq) != rows[i].allowed)
                fail_msg("%s from %s", rows[i].host, rows[i].origin);
            assert_null(answer_header_value(&f.rq, "access-control-allow-origin").p);
        }
    fake_ask(&f, SLICE_LIT("GET /ok HTTP/1.0\r\nOrigin: http://\r\n\r\n")); /* no Host */
    assert_int_equal(f.rq.status, 200);
    assert_false(request_origin_allowed(&f.rq));
    ask(&f, "GET /ok", "Origin: http://shop.example\r\nOrigin: http://shop.example\r\n");
    assert_false(request_origin_allowed(&f.rq));
    buf_release(&raw);
    fake_release(&f);
}

/* ---- what ---- */

TEST(every_answer_of_the_public_port_says_who_may_read_it)
{
    static const struct {
        const char *line, *fields;
        unsigned status;
        const char *more; /* what a handler added */
    } rows[] = {
        {"GET /ok",     "",                               200, "vary: Accept\n"},
        {"HEAD /ok",    "",                               200, "vary: Accept\n"},
        {"POST /ok",    "",                               429, ""              },
        {"PUT /ok",     "",                               405, ""              },
        {"DELETE /ok",  "",                               404, ""              },
        {"GET /no",     "",                               404, ""              },
        {"OPTIONS /ok", "",                               204, ""              },
        {"OPTIONS *",   "",                               204, ""              },
        {"get /ok",     "",                               405, ""              },
        {"GET /ok",     "X : y\r\n",                      400, ""              },
        {"GET ok",      "",                               400, ""              },
        {"GET /ok",     "Host: b\r\n",                    400, ""              },
        {"POST /ok",    "Transfer-Encoding: chunked\r\n", 411, ""              },
        {"POST /ok",    "Expect: x\r\n",                  417, ""              },
    };
    char fields[FIELDS_MAX];
    struct buf b = BUF_INIT, want = BUF_INIT;
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(fields, sizeof(fields), "Origin: " APP "\r\n%s", rows[i].fields);
        ask(&f, rows[i].line, fields);
        assert_int_equal(f.rq.status, rows[i].status);
        buf_clear(&want);
        buf_addf(&want, MAY_READ(APP) "%s", rows[i].more);
        assert_string_equal(cors_fields(&f, &b), buf_cstr(&want));
        (void)snprintf(fields, sizeof(fields), "Origin: https://evil.example\r\n%s",
                       rows[i].fields);
        ask(&f, rows[i].line, fields);
        assert_int_equal(f.rq.status, rows[i].status);
        buf_clear(&want);
        buf_addf(&want, VARY "%s", rows[i].more);
        assert_string_equal(cors_fields(&f, &b), buf_cstr(&want));
    }
    buf_release(&want);
    buf_release(&b);
    fake_release(&f);
}

TEST(a_misdirected_request_and_a_body_that_libh2o_refuses_are_answered_with_it_too)
{
    const struct slice hosts[] = {SLICE_LIT("other.example")};
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    fake_begin(&f, SLICE_LIT("POST /ok HTTP/1.1\r\n" HOST "Origin: " APP "\r\n\r\n"));
    f.rq.refusal = REFUSED_BODY_TOO_LARGE;
    guard_refuse(&f.rq);
    assert_int_equal(f.rq.status, 413);
    assert_string_equal(cors_fields(&f, &b), MAY_READ(APP));
    f.live.hosts = hosts;
    f.live.n_hosts = 1;
    ask(&f, "GET /ok", "Origin: " APP "\r\n");
    assert_int_equal(f.rq.status, 421);
    assert_string_equal(cors_fields(&f, &b), MAY_READ(APP));
    buf_release(&b);
    fake_release(&f);
}

TEST(without_a_list_and_on_the_metrics_port_nothing_is_added)
{
    static const char *const lines[] = {"GET /ok", "POST /ok", "PUT /ok", "GET /no", "OPTIONS /ok"};
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    for (unsigned internal = 0; internal < 2; internal++) {
        f.live.n_origins = internal * ARRAY_LEN(origins);
        f.service.internal = internal == 1;
        f.service.alias = SLICE_LIT("shop.example");
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            ask(&f, lines[i], "Origin: " APP "\r\nAccess-Control-Request-Method: POST\r\n");
            assert_int_not_equal(f.rq.status, 421);
            assert_string_equal(cors_fields(&f, &b), i == 0 ? "vary: Accept\n" : "");
        }
    }
    buf_release(&b);
    fake_release(&f);
}

/* ---- preflight ---- */

#define PREFLIGHT(origin) "Origin: " origin "\r\nAccess-Control-Request-Method: POST\r\n"
#define ALLOWED                                                                            \
    VARY_PREFLIGHT "access-control-allow-origin: " APP                                     \
                   "\naccess-control-allow-methods: GET, HEAD, POST, OPTIONS\n"            \
                   "access-control-allow-headers: Content-Type, Idempotency-Key, "         \
                   "X-Correlation-ID, X-Request-ID, traceparent\naccess-control-max-age: " \
                   "600\n"

TEST(a_preflight_is_told_what_is_open)
{
    static const struct {
        const char *fields, *want;
    } rows[] = {
        {PREFLIGHT(APP),                                                    ALLOWED       },
        {PREFLIGHT(APP) "Access-Control-Request-Headers: content-type\r\n", ALLOWED       },
        {"Origin: " APP "\r\nAccess-Control-Request-Method: DELETE\r\n",    ALLOWED       },
        {"Origin: " APP "\r\nAccess-Control-Request-Method:\r\n",           ALLOWED       },
        {"Origin: " APP "\r\n",                                             MAY_READ(APP) },
        {PREFLIGHT("null"),                                                 VARY_PREFLIGHT},
        {PREFLIGHT("https://app.example.evil"),                             VARY_PREFLIGHT},
        {PREFLIGHT("https://shop.example"),                                 VARY_PREFLIGHT},
        {PREFLIGHT(APP) "Origin: " APP "\r\n",                              VARY_PREFLIGHT},
        {"Access-Control-Request-Method: POST\r\n",                         VARY_PREFLIGHT},
        {"",                                                                VARY          },
    };
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(&f, "OPTIONS /ok", rows[i].fields);
        assert_int_equal(f.rq.status, 204);
        assert_int_equal(f.rq.answer.n, 0);
        assert_string_equal(cors_fields(&f, &b), rows[i].want);
        expect_slice(answer_header_value(&f.rq, "allow"), "GET, HEAD, POST, OPTIONS");
    }
    expect_sample(&f, "slo_events_total{slo=\"availability\",outcome=\"good\"} 0");
    expect_sample(&f, "slo_events_total{slo=\"availability\",outcome=\"excluded\"} 0");
    buf_release(&b);
    fake_release(&f);
}

TEST(a_preflight_of_an_unknown_path_is_404_and_allows_nothing)
{
    struct buf b = BUF_INIT;
    struct fake f;

    start(&f);
    ask(&f, "OPTIONS /no", PREFLIGHT(APP));
    assert_int_equal(f.rq.status, 404);
    assert_string_equal(cors_fields(&f, &b),
                        VARY_PREFLIGHT "access-control-allow-origin: " APP "\n");
    ask(&f, "PUT /ok", PREFLIGHT(APP)); /* no preflight, whatever it names */
    assert_int_equal(f.rq.status, 405);
    assert_string_equal(cors_fields(&f, &b), MAY_READ(APP));
    buf_release(&b);
    fake_release(&f);
}

RUN_TESTS(T(an_origin_is_allowed_byte_for_byte),
          T(an_origin_with_a_nul_in_it_is_refused_as_a_whole),
          T(the_own_site_is_allowed_to_handlers_though_not_listed),
          T(every_answer_of_the_public_port_says_who_may_read_it),
          T(a_misdirected_request_and_a_body_that_libh2o_refuses_are_answered_with_it_too),
          T(without_a_list_and_on_the_metrics_port_nothing_is_added),
          T(a_preflight_is_told_what_is_open),
          T(a_preflight_of_an_unknown_path_is_404_and_allows_nothing))
