/* SPDX-License-Identifier: MIT */
/* Who may use the drills, what each answers, how the dice fall, and how many may wait. */
#include "tests/unit/api/fake.h"

#include "api/drills.h"

/* ---- the gate ---- */

static struct ip ip_of(const char *text)
{
    struct ip ip = {{0}};

    assert_true(ip_parse(slice_str(text), &ip));
    return ip;
}

TEST(the_gate_wants_the_setting_the_client_and_the_peer)
{
    static const struct {
        bool enabled;
        const char *allow, *client, *peer;
        bool open;
    } cases[] = {
        {true,  "127.0.0.0/8",    "127.0.0.1",   "127.0.0.1",    true },
        {false, "127.0.0.0/8",    "127.0.0.1",   "127.0.0.1",    false},
        {true,  "127.0.0.0/8",    "203.0.113.7", "127.0.0.1",    false}, /* a proxy on loopback */
        {true,  "127.0.0.0/8",    "127.0.0.1",   "172.31.251.3", false}, /* what a proxy claims */
        {true,  "127.0.0.0/8",    "203.0.113.7", "203.0.113.7",  false},
        {true,  "203.0.113.7/32", "203.0.113.7", "203.0.113.7",  true },
        {true,  "203.0.113.7/32", "203.0.113.8", "203.0.113.8",  false},
        {true,  "::1/128",        "::1",         "::1",          true },
        {true,  "::1/128",        "127.0.0.1",   "127.0.0.1",    false},
        {true,  NULL,             "127.0.0.1",   "127.0.0.1",    false}, /* an empty list */
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_net net;

        f.live.drills_enabled = cases[i].enabled;
        f.live.n_drills_allow = 0;
        if (cases[i].allow != NULL) {
            assert_true(ip_net_parse(slice_str(cases[i].allow), &net, NULL));
            f.live.drills_allow = &net;
            f.live.n_drills_allow = 1;
        }
        f.rq.client = ip_of(cases[i].client);
        f.rq.peer = ip_of(cases[i].peer);
        assert_int_equal(drills_open(&f.rq, &f.api), cases[i].open);
    }
    fake_release(&f);
}

TEST(what_was_forwarded_by_nobody_we_believe_is_outside)
{
    struct ip_net net;
    struct fake f;

    fake_init(&f);
    assert_true(ip_net_parse(SLICE_LIT("127.0.0.0/8"), &net, NULL));
    f.live.drills_enabled = true;
    f.live.drills_allow = &net;
    f.live.n_drills_allow = 1;
    f.rq.client = f.rq.peer = ip_of("127.0.0.1");
    f.rq.client_is_peer = f.rq.head.forwarded = true;
    assert_false(drills_open(&f.rq, &f.api));
    f.rq.client_is_peer = false; /* a trusted proxy named a client that is among the allowed */
    assert_true(drills_open(&f.rq, &f.api));
    f.rq.client_is_peer = true;
    f.rq.head.forwarded = false;
    assert_true(drills_open(&f.rq, &f.api));
    f.rq.head.proxied = true; /* a proxy that names nobody */
    assert_false(drills_open(&f.rq, &f.api));
    f.rq.head.proxied = false;
    f.rq.head.sec_fetch_site = SLICE_LIT("cross-site"); /* an image of a stranger's page */
    assert_false(drills_open(&f.rq, &f.api));
    f.rq.head.sec_fetch_site = SLICE_LIT("same-site");
    assert_false(drills_open(&f.rq, &f.api));
    f.rq.head.sec_fetch_site = SLICE_LIT("none"); /* typed in */
    assert_true(drills_open(&f.rq, &f.api));
    f.rq.head.origin = SLICE_LIT("https://evil.example");
    f.rq.head.origin_count = 1;
    assert_false(drills_open(&f.rq, &f.api));
    fake_release(&f);
}

/* ---- echo ---- */

struct post {
    const char *type, *coding, *body;
    unsigned status;
    const char *part; /* of the answer */
};

static void post(struct fake *f, const struct post *p)
{
    fake_request(f, HTTP_POST);
    if (p->type != NULL)
        f->rq.head.content_type = slice_str(p->type);
    f->rq.head.type_count = p->type != NULL;
    if (p->coding != NULL)
        f->rq.head.content_encoding = slice_str(p->coding);
    f->rq.head.encoding_count = p->coding != NULL;
    f->rq.body = p->body != NULL ? slice_str(p->body) : SLICE_NONE;
    echo_post(&f->rq, &f->api);
}

#define JSON "application/json"

TEST(an_echo_is_the_text_that_was_sent)
{
    static const char *const bodies[] = {
        "{\"a\":[1,2,{}]}", "null", "\"\\u00e9 \xc3\xa9\"", " { \"b\" : 1e2 }\r\n", "-0.50", "[]",
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf want = BUF_INIT;

        post(&f, &(struct post){.type = JSON, .body = bodies[i]});
        buf_addf(&want, "{\"status\":\"success\",\"data\":%s}", bodies[i]);
        expect_answer(&f, 200, buf_cstr(&want));
        assert_true(slice_eq(f.rq.content_type, SLICE_LIT(JSON)));
        buf_release(&want);
    }
    fake_release(&f);
}

TEST(an_echo_refuses_what_is_not_json_and_says_why)
{
    static const struct post cases[] = {
        {NULL,                       NULL,       "{}",                415, "must be JSON"        },
        {"text/plain",               NULL,       "{}",                415, "must be JSON"        },
        {JSON "; charset=latin1",    NULL,       "{}",                415, "must be UTF-8"       },
        {JSON,                       "gzip",     "{}",                415, "compressed"          },
        {JSON,                       NULL,       NULL,                400, "no body"             },
        {JSON,                       NULL,       "",                  400, "malformed"           },
        {JSON,                       NULL,       "{} x",              400, "malformed"           },
        {JSON,                       NULL,       "{'a':1}",           400, "malformed"           },
        {JSON,                       NULL,       "\"\xff\"",          400, "malformed"           },
        {JSON,                       NULL,       "{\"a\":1,\"a\":2}", 422, "\"code\":\"invalid\""},
        {JSON,                       NULL,       "[\"\\u0000\"]",     422, "\"code\":\"invalid\""},
        {"Application/JSON",         "identity", "{}",                200, "{}"                  },
        {JSON "; charset=\"UTF-8\"", NULL,       "{}",                200, "{}"                  },
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        post(&f, &cases[i]);
        assert_int_equal(f.sent, 1);
        assert_int_equal(f.rq.status, cases[i].status);
        assert_true(answer_has(&f, cases[i].part));
    }
    post(&f, &(struct post){.type = "text/plain", .body = "{}"});
    expect_header(&f, "accept", JSON);
    post(&f, &(struct post){.type = JSON, .coding = "gzip", .body = "{}"});
    expect_header(&f, "accept-encoding", "identity");
    fake_request(&f, HTTP_POST);
    f.rq.head.content_type = SLICE_LIT(JSON);
    f.rq.head.type_count = 2;
    f.rq.body = SLICE_LIT("{}");
    echo_post(&f.rq, &f.api);
    assert_int_equal(f.rq.status, 415);
    fake_release(&f);
}

/* ---- errors ---- */

static unsigned err_of(struct fake *f, const char *query)
{
    fake_request(f, HTTP_GET);
    f->rq.head.query = query != NULL ? slice_str(query) : SLICE_NONE;
    error_get(&f->rq, &f->api);
    assert_int_equal(f->sent, 1);
    return f->rq.status;
}

TEST(an_error_is_what_the_query_asks_for)
{
    static const struct {
        const char *query;
        unsigned status;
        const char *part;
    } cases[] = {
        {NULL,                   500, "\"code\":\"drill\""      },
        {"",                     500, "\"code\":\"drill\""      },
        {"type=server",          500, "\"code\":\"drill\""      },
        {"type=client",          400, "\"code\":\"drill\""      },
        {"rate=1",               500, "\"code\":\"drill\""      },
        {"type=client&rate=1.0", 400, "\"code\":\"drill\""      },
        {"rate=0",               200, "{\"status\":\"success\"}"},
        {"type=client&rate=0",   200, "{\"status\":\"success\"}"},
        {"other=1",              500, "\"code\":\"drill\""      },
        {"type=",                500, "\"code\":\"drill\""      },
        {"type=Client",          500, "\"code\":\"drill\""      },
        {"type=clientele",       500, "\"code\":\"drill\""      },
        {"rate=",                400, "rate must be a decimal"  },
        {"rate=1.1",             400, "rate must be a decimal"  },
        {"rate=-0.1",            400, "rate must be a decimal"  },
        {"rate=50%25",           400, "rate must be a decimal"  },
        {"rate=1e-1",            400, "rate must be a decimal"  },
        {"rate=0.1234567890",    400, "rate must be a decimal"  },
        {"rate=nan",             400, "rate must be a decimal"  },
        {"rate=0&rate=1",        400, "each once"               },
        {"type=%zz",             400, "each once"               },
        {"type=%00",             400, "each once"               },
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (err_of(&f, cases[i].query) != cases[i].status || !answer_has(&f, cases[i].part))
            fail_msg("%s: %u %.*s", cases[i].query, f.rq.status, (int)f.rq.answer.n, f.rq.answer.p);
        if (cases[i].status != 200 && strcmp(cases[i].part, "\"code\":\"drill\"") != 0)
            assert_true(answer_has(&f, "\"code\":\"invalid\""));
        else
            expect_header(&f, "cache-control", "no-store");
    }
    fake_release(&f);
}

static unsigned failures(struct fake *f, const char *query, unsigned asked)
{
    unsigned n = 0;

    for (unsigned i = 0; i < asked; i++)
        n += err_of(f, query) == 500;
    return n;
}

/* The dice of a new process always fall the same: these counts are exact, and near the share. */
TEST(a_rate_is_the_share_that_fails)
{
    struct fake f;

    fake_init(&f);
    assert_in_range(failures(&f, "rate=0.5", 10000), 4850, 5150);
    assert_in_range(failures(&f, "rate=0.01", 10000), 70, 130);
    assert_in_range(failures(&f, "rate=0.999", 10000), 9980, 9999);
    fake_release(&f);
}

TEST(a_rehearsal_can_be_repeated)
{
    bool first[64];

    for (unsigned run = 0; run < 2; run++) {
        struct fake f;

        fake_init(&f);
        for (size_t i = 0; i < ARRAY_LEN(first); i++) {
            bool failed = err_of(&f, "rate=0.5") == 500;

            if (run == 0)
                first[i] = failed;
            assert_int_equal(failed, first[i]);
        }
        fake_release(&f);
    }
}

TEST(none_and_all_are_exact)
{
    assert_false(drill_hits(0, 0));
    assert_true(drill_hits(0, 1));
    assert_false(drill_hits(UINT64_MAX, 999999999));
    assert_true(drill_hits(UINT64_MAX, 1000000000));
    assert_true(drill_hits(UINT64_C(1) << 63, 500000001));
    assert_false(drill_hits(UINT64_C(1) << 63, 500000000));
}

/* The first outputs of SplitMix64 for the seed 1234567, as its authors' C code prints them. */
TEST(the_dice_are_splitmix64)
{
    static const uint64_t want[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                    UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                    UINT64_C(16408922859458223821)};

    for (uint64_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(drill_throw(1234567, i), want[i]);
}

/* ---- users ---- */

TEST(latencies_are_log_normal_within_their_bounds)
{
    enum { N = 100000 };
    unsigned below_median = 0, over_p95 = 0, over_300 = 0, max = 0, min = UINT32_MAX;

    for (uint64_t i = 0; i < N; i++) {
        unsigned ms = drill_latency_ms(drill_throw(7, i));

        below_median += ms < DRILL_LATENCY_MEDIAN_MS;
        over_p95 += ms > 127;
        over_300 += ms > 300;
        max = ms > max ? ms : max;
        min = ms < min ? ms : min;
    }
    assert_in_range(below_median, N * 47 / 100, N * 51 / 100);
    assert_in_range(over_p95, N * 4 / 100, N * 6 / 100);
    assert_in_range(over_300, N / 1000, N * 3 / 1000);
    assert_in_range(min, DRILL_LATENCY_MIN_MS, 6);
    assert_in_range(max, 400, DRILL_LATENCY_MAX_MS);
}

static struct pending *ask_users(struct fake *f)
{
    struct pending *p;

    fake_request(f, HTTP_GET);
    users_get(&f->rq, &f->api);
    p = f->rq.pending;
    f->rq.pending = NULL;
    return p;
}

TEST(users_come_after_a_while)
{
    unsigned first[3];

    for (unsigned run = 0; run < 2; run++) {
        struct fake f;

        fake_init(&f);
        for (size_t i = 0; i < ARRAY_LEN(first); i++) {
            struct pending *p = ask_users(&f);

            assert_non_null(p);
            assert_int_equal(f.sent, 0);
            assert_in_range(f.loop.delay_ms, DRILL_LATENCY_MIN_MS, DRILL_LATENCY_MAX_MS);
            if (run == 0)
                first[i] = f.loop.delay_ms;
            assert_int_equal(f.loop.delay_ms, first[i]);
            p->fn(&f.rq, p);
            expect_answer(&f, 200,
                          "{\"users\":[{\"id\":1,\"name\":\"Ada Lovelace\"},"
                          "{\"id\":2,\"name\":\"Alan Turing\"}]}");
            expect_header(&f, "cache-control", "no-store");
        }
        fake_release(&f);
    }
    assert_true(first[0] != first[1] || first[1] != first[2]);
}

TEST(one_more_than_may_wait_is_refused_until_one_is_through)
{
    struct pending *waiting[DRILL_SLEEPERS_MAX], *p;
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        waiting[i] = ask_users(&f);
        assert_non_null(waiting[i]);
    }
    assert_int_equal(fake_count(&f, METRIC_DRILL_REFUSALS, NULL), 0);

    assert_null(ask_users(&f));
    assert_int_equal(f.rq.status, 503);
    assert_true(answer_has(&f, "\"code\":\"drill_busy\""));
    expect_header(&f, "retry-after", "1");
    assert_int_equal(fake_count(&f, METRIC_DRILL_REFUSALS, NULL), 1);

    waiting[0]->fn(NULL, waiting[0]); /* its client has left */
    p = ask_users(&f);
    assert_non_null(p);
    waiting[0] = p;
    assert_null(ask_users(&f));
    assert_int_equal(fake_count(&f, METRIC_DRILL_REFUSALS, NULL), 2);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        waiting[i]->fn(NULL, waiting[i]);
    fake_release(&f);
}

RUN_TESTS(T(the_gate_wants_the_setting_the_client_and_the_peer),
          T(what_was_forwarded_by_nobody_we_believe_is_outside),
          T(an_echo_is_the_text_that_was_sent),
          T(an_echo_refuses_what_is_not_json_and_says_why),
          T(an_error_is_what_the_query_asks_for),
          T(a_rate_is_the_share_that_fails),
          T(a_rehearsal_can_be_repeated),
          T(none_and_all_are_exact),
          T(the_dice_are_splitmix64),
          T(latencies_are_log_normal_within_their_bounds),
          T(users_come_after_a_while),
          T(one_more_than_may_wait_is_refused_until_one_is_through))
